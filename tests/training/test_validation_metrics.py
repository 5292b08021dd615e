"""Metrics of a validation: by name, and functions of a user's own."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.small_model import fresh
from xpcnn import validation_metrics
from xpcnn.data import Dataset
from xpcnn.errors import ConfigError
from xpcnn.training import Checkpoints

TRAIN, _ = xpcnn.data.load("digits")
LABELS = numpy.asarray([0, 0, 1, 2])
RIGHT_RIGHT_WRONG_WRONG = numpy.asarray(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.7, 0.2, 0.1]]
)


def data(samples: int) -> Dataset:
    return TRAIN[:samples]


def test_metrics_of_four_samples() -> None:
    p = RIGHT_RIGHT_WRONG_WRONG
    found = validation_metrics.measure(("f1", "top_3", "auc"), p, LABELS)
    assert found["f1"] == pytest.approx((2 * 2 / (4 + 2) + 0 + 0) / 3)  # 4 predicted as class 0
    assert found["top_3"] == 1.0
    # class 0: 0.8 and 0.6 against 0.5 and 0.7, 3 of 4 right; class 1: 0.4 highest; class 2: ties
    assert found["auc"] == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert math.isnan(validation_metrics.auc(p[:2], LABELS[:2]))


def test_a_function_gets_all_probabilities_and_labels_once_per_validation() -> None:
    model, seen = fresh(), []

    def share_of_zero(p: numpy.ndarray, labels: numpy.ndarray) -> float:
        seen.append((p, labels))
        return numpy.float32(numpy.mean(labels == 0))  # type: ignore[return-value]  # a NumPy scalar

    train, held_out = data(64), data(20)
    history = model.fit(train, epochs=2, validation=held_out, metrics=[share_of_zero, "F1"])
    assert len(seen) == 2
    p, labels = seen[-1]
    numpy.testing.assert_array_equal(p, model.predict_proba(held_out.images, batch_size=64))
    numpy.testing.assert_array_equal(labels, held_out.labels)
    share = float(numpy.float32(numpy.mean(held_out.labels == 0)))
    assert history["val_share_of_zero"] == [share, share]
    header, row, _ = str(history).splitlines()
    assert header.split()[3:7] == ["val_loss", "val_accuracy", "val_share_of_zero", "val_f1"]
    assert f"{share:.4f}" in row
    assert f"val share of zero {share:.4f}" in str(history.epochs[0])
    found = model.evaluate(held_out, metrics=[share_of_zero, "f1"])
    assert list(found) == ["loss", "accuracy", "share_of_zero", "f1"]
    assert found["f1"] == history["val_f1"][-1]


def test_training_does_not_depend_on_metrics(tmp_path: Path) -> None:
    plain, measured = fresh(), fresh()
    first = plain.fit(data(64), epochs=2, validation=data(20))
    folder = Checkpoints(tmp_path)
    second = measured.fit(
        data(64), epochs=2, validation=data(20), metrics=["f1"], checkpoints=folder
    )
    assert first["val_loss"] == second["val_loss"]
    for path, x in plain.get_weights().items():
        numpy.testing.assert_array_equal(x, measured.get_weights()[path])
    again = fresh()  # resumes the finished run, with another metric: the history keeps its figures
    options: dict[str, Any] = {"metrics": ["auc"], "checkpoints": folder, "resume": True}
    resumed = again.fit(data(64), epochs=2, validation=data(20), **options)
    assert resumed["val_f1"] == second["val_f1"]
    assert not any("metrics" in note for note in resumed.notes)


def test_what_is_not_finite_is_none_in_the_history() -> None:
    def unknown(p: numpy.ndarray, labels: numpy.ndarray) -> float:
        return math.nan

    history = fresh().fit(data(64), epochs=1, validation=data(20), metrics=[unknown])
    assert history["val_unknown"] == [None]
    assert "val_unknown" not in str(history).splitlines()[0]


def returns(value: Any) -> Callable[..., Any]:
    def own(p: numpy.ndarray, labels: numpy.ndarray) -> Any:
        return value

    return own


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ("f1", "metrics is 'f1', expected a list of names and functions\nTry: metrics=['f1']"),
        (returns(0.0), "metrics is a function, expected a list of names and functions"),
        (["f9"], "unknown metric 'f9'\nTry: one of auc"),
        ([3], "metrics has 3 in it, expected names and functions"),
        ([lambda p, labels: 0.0], "metrics has a function without a name in it\nTry: def f1("),
        (["f1", "F1"], "metrics has 'f1' in it, which is given twice"),
        (["accuracy"], "unknown metric 'accuracy'"),
        ([returns(None)], "the metric 'own' returned None, expected one number\nTry: def own("),
        ([returns(numpy.zeros(3))], "the metric 'own' returned an array of shape (3,), expected"),
        ([returns("0.5")], "the metric 'own' returned '0.5', expected one number"),
    ],
)
def test_wrong_metrics_are_refused(metrics: Any, text: str) -> None:
    model = fresh()
    before = model.get_weights()
    with pytest.raises(ConfigError) as error:
        model.fit(data(64), epochs=1, validation=data(20), metrics=metrics)
    assert str(error.value).startswith(text)
    for path, x in before.items():
        numpy.testing.assert_array_equal(x, model.get_weights()[path])


def test_metrics_need_data_to_validate_on() -> None:
    with pytest.raises(ConfigError, match="and metrics need data to validate on"):
        fresh().fit(data(64), epochs=1, metrics=["f1"])


def test_an_error_in_a_metric_is_noted_with_its_name() -> None:
    def ratio(probabilities: Any, labels: Any) -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError) as caught:
        validation_metrics.measure([ratio], numpy.eye(2), numpy.arange(2))
    assert caught.value.__notes__ == ["in the metric 'ratio'"]
