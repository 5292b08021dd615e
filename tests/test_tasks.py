"""Several labels and numbers as targets, from arrays to a saved model."""

from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.lib import Lib
from xpcnn import Model, losses, tasks
from xpcnn.data import Dataset, fold, split
from xpcnn.data.augment import Mixup
from xpcnn.errors import ConfigError, LabelError
from xpcnn.layers import Dense, Flatten
from xpcnn.training import Checkpoints

RNG = numpy.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (120, 1, 4, 4)).astype(numpy.uint8)
MEANS = IMAGES.reshape(120, 2, 8).mean(axis=2)  # (n, 2): of the upper and of the lower half
LABELS = Dataset.from_arrays(
    IMAGES, numpy.median(MEANS, axis=0) < MEANS, ["up", "down"], task="multi-label"
)
NUMBERS = Dataset.from_arrays(IMAGES, 1000 + MEANS, ["up", "down"], task="regression")


def model_of(task: tasks.Task | str, outputs: int = 2, **options: object) -> Model:
    return Model([Flatten(), Dense(outputs)], input_shape=(1, 4, 4), task=task, **options)  # type: ignore[arg-type]


def test_hits_and_decisions_of_labels(lib: Lib, dtype: str) -> None:
    """Probabilities 0.5, 0.73; 0.27, 0.5; 0.73, 0.27 with thresholds 0.5 and 0.7."""
    task = tasks.MultiLabel((0.5, 0.7))
    scores = lib.asarray([[0.0, 1.0], [-1.0, 0.0], [1.0, -1.0]], dtype)
    loss = losses.BCEWithLogits()
    assert lib.to_host(task.decide(loss, scores)).tolist() == [[1, 1], [0, 0], [1, 0]]
    targets = lib.asarray([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype)
    assert int(task.hits(loss, scores, targets)) == 2


def test_numbers_are_learnt_in_deviations_and_answered_in_units(lib: Lib, dtype: str) -> None:
    task = tasks.Regression().adapted(numpy.asarray([[1.0, 5.0], [3.0, 5.0]]))
    assert task == tasks.Regression((2.0, 5.0), (1.0, 1.0))
    equal = numpy.full((7, 1), 0.1)  # the mean is rounded: a deviation of 1e-17
    assert tasks.Regression().adapted(equal) == tasks.Regression((equal.mean(),), (1.0,))
    learnt = task.scaled(numpy.asarray([[4.0, 6.0]]), dtype)
    assert learnt.tolist() == [[2.0, 1.0]]
    answered = task.decide(losses.MSE(), lib.asarray(learnt.tolist(), dtype))
    assert lib.to_host(answered).tolist() == [[4.0, 6.0]]


@pytest.mark.parametrize("data", [LABELS, NUMBERS], ids=["labels", "numbers"])
def test_trained_saved_and_exported(data: Dataset, tmp_path: Path) -> None:
    model = model_of(data.task)
    options = xpcnn.training.TrainingOptions(
        optimizer=xpcnn.optimizers.Adam(0.01), epochs=30, batch_size=20, patience=10
    )
    history = model.fit(data, options, validation=0.2, health=True)
    figures = model.evaluate(data)
    if data is LABELS:
        assert figures["accuracy"] > 0.8
        assert figures["f1"] > 0.9
        assert figures["average_precision"] > 0.9
        model.set_thresholds([0.4, 0.6])
        found = model.predict_proba(IMAGES)
        assert (model.predict(IMAGES) == (found >= numpy.asarray([0.4, 0.6], "f4"))).all()
    else:
        assert "accuracy" not in figures
        assert history["accuracy"] == [None] * len(history)
        assert figures["r2"] > 0.9
        found = model.predict(IMAGES)
        rmse = numpy.sqrt(numpy.mean((found - data.labels) ** 2))
        assert figures["rmse"] == pytest.approx(rmse, rel=1e-4)
        with pytest.raises(ConfigError, match=r"Try: model\.predict"):
            model.predict_proba(IMAGES)
    assert history.metrics == [f"val_{name}" for name in model.task.figures]
    report = xpcnn.target_report(model, data)
    assert list(report.per_column) == ["up", "down"]
    assert len(str(report).splitlines()) == 5
    model.save(tmp_path / "model.safetensors")
    again = xpcnn.load(tmp_path / "model.safetensors")
    assert (again.task, again.classes) == (model.task, ("up", "down"))
    assert (again.predict(IMAGES) == model.predict(IMAGES)).all()

    runtime = pytest.importorskip("onnxruntime")
    xpcnn.export_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    name = "probabilities" if data is LABELS else "numbers"
    (theirs,) = session.run([name], {"images": IMAGES.astype("f4")})
    numpy.testing.assert_allclose(theirs, found, rtol=1e-5)
    imported = xpcnn.import_onnx(tmp_path / "model.onnx")
    assert (imported.task, imported.classes) == (model.task, ("up", "down"))


def test_a_resumed_run_of_numbers_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, parts = model_of("regression"), model_of("regression")
    whole.fit(NUMBERS, epochs=3, validation=0.2)
    for epochs in (1, 3):
        saved = Checkpoints(tmp_path)
        parts.fit(NUMBERS, epochs=epochs, validation=0.2, checkpoints=saved, resume=epochs > 1)
    for name, x in whole.get_weights().items():
        assert (x == parts.get_weights()[name]).all()


def test_parts_are_set_aside_without_classes() -> None:
    train, validation = split(NUMBERS, 0.25, seed=0)
    assert validation is not None
    assert (len(train), len(validation)) in ((90, 30), (89, 31))
    assert validation.task == "regression"
    assert sum(len(fold(LABELS, k, 3, 0)[1]) for k in (1, 2, 3)) == 120
    assert len(LABELS.select(limit=7)) == 7
    with pytest.raises(ConfigError, match="no classes to choose"):
        LABELS.select(classes=["up"])


def test_columns_of_other_data_are_matched_by_name() -> None:
    model = model_of("regression")
    model.fit(NUMBERS, epochs=1)
    swapped = Dataset.from_arrays(
        IMAGES, NUMBERS.labels[:, ::-1], ["down", "up"], task="regression"
    )
    assert model.evaluate(swapped) == model.evaluate(NUMBERS)
    other = Dataset.from_arrays(IMAGES, NUMBERS.labels, ["left", "up"], task="regression")
    with pytest.raises(LabelError, match="has the numbers left, up; the model knows up, down"):
        model.evaluate(other)


def test_balanced_labels_weigh_the_yes() -> None:
    """30 of 120 samples have the first label: (120 - 30) / 30; 80 the second: 40 / 80."""
    targets = numpy.zeros((120, 2))
    targets[:30, 0] = targets[40:, 1] = 1.0
    data = Dataset.from_arrays(IMAGES, targets, task="multi-label")
    model = model_of("multi-label", loss=losses.Focal(positive_weights="balanced"))
    model.fit(data, epochs=1)
    assert model.loss == losses.Focal(positive_weights=(3.0, 0.5))


def fails(what: str) -> None:
    if what == "loss":
        model_of("regression", loss="bce")
    elif what == "class weights":
        model_of("multi-label", loss=losses.BCEWithLogits(class_weights="balanced"))
    elif what == "task":
        model_of("numbers")
    elif what == "outputs":
        model_of("regression", 3).fit(NUMBERS, epochs=1)
    elif what == "other targets":
        model_of("multi-label").fit(NUMBERS, epochs=1)
    elif what == "no 0 or 1":
        model_of("multi-label").fit(IMAGES, 1000 + MEANS, epochs=1)
    elif what == "NaN":
        model_of("regression").fit(IMAGES, MEANS * numpy.nan, epochs=1)
    elif what == "monitor":
        model_of("regression").fit(NUMBERS, epochs=1, validation=0.1, monitor="val_accuracy")
    elif what == "figure":
        model_of("multi-label").fit(LABELS, epochs=1, validation=0.1, monitor="val_auc")
    elif what == "mixup":
        model_of("regression").fit(NUMBERS, epochs=1, augment=[Mixup()])
    elif what == "metric":
        model_of("multi-label").evaluate(LABELS, metrics=["top_3"])
    elif what == "thresholds":
        model_of("multi-label").set_thresholds([0.5])
    else:
        model_of("regression").set_thresholds([0.5, 0.5])


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("loss", "the loss BCEWithLogits is none for regression targets"),
        ("class weights", "class_weights are given for multi-label targets, which have no classes"),
        ("task", "task is 'numbers', expected a name or an object of xpcnn.tasks"),
        ("outputs", "the network has 3 outputs for 2 numbers"),
        ("other targets", "data set 'arrays' has regression targets, the model's are multi-label"),
        ("no 0 or 1", "data set 'arrays': 240 of 240 multi-label targets are not 0 or 1"),
        ("NaN", "data set 'arrays': 240 of 240 regression targets are not a finite number"),
        ("monitor", "the monitor is val_accuracy, and regression has no accuracy"),
        ("figure", "the monitor is val_auc, and multi-label has no auc"),
        ("mixup", "augment: Mixup mixes the classes of samples, and the targets are numbers"),
        ("metric", "the metric 'top_3' is of classes, and the targets are multi-label"),
        ("thresholds", "there are 1 thresholds for 2 labels"),
        ("no thresholds", "thresholds are of several labels, and the task is regression"),
    ],
)
def test_what_does_not_fit_is_said(what: str, message: str) -> None:
    with pytest.raises((ConfigError, LabelError)) as caught:
        fails(what)
    assert str(caught.value).startswith(message)
    assert "\nTry: " in str(caught.value)


def test_names_of_numbers_are_one_or_more() -> None:
    with pytest.raises(ConfigError, match="expected a list of one name or more\nTry: classes="):
        model_of("regression", 1, classes=[])
    with pytest.raises(ConfigError, match="expected a list of two names or more"):
        model_of("classification", classes=["up"])
