"""Model: what people hold. Raw samples in, host arrays out; a call that fails changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.lib import Lib
from tests.rounding import UNIT
from tests.small_model import Parts, fresh
from xpcnn import Model
from xpcnn.data.reading import Drawn
from xpcnn.errors import (
    ConfigError,
    DataWarning,
    LabelError,
    XpcnnError,
)
from xpcnn.layers import (
    Dense,
    Flatten,
    ReLU,
    Tanh,
)
from xpcnn.losses import BCEWithLogits, SoftmaxCrossEntropy
from xpcnn.optimizers import SGD, Adam
from xpcnn.training import Callback
from xpcnn.types import flatten


def weights(model: Model) -> dict[str, bytes]:
    tensors = flatten({"params": model.params, "buffers": model.buffers})
    return {path: model.backend.to_host(x).tobytes() for path, x in tensors.items()}


def test_learns_the_digits(parts: Parts) -> None:
    train, test = parts
    model = fresh()
    history = model.fit(train, epochs=3, validation=test)
    assert len(history) == 3
    assert history["loss"][2] < history["loss"][0]
    last = {"loss": history["val_loss"][-1], "accuracy": history["val_accuracy"][-1]}
    assert model.evaluate(test, batch_size=64) == last  # the batches of fit: the same bits
    after = model.evaluate(test)
    assert after["accuracy"] == last["accuracy"]
    # batches of 256: float32 rounds each mean times its count, and their sum; all are positive
    batches = [(test.images[rows], test.labels[rows]) for rows in (slice(256), slice(256, None))]
    total = sum(len(labels) * model.evaluate(x, labels)["loss"] for x, labels in batches)
    assert abs(after["loss"] - total / len(test)) <= 2 * UNIT * total / len(test)
    assert after["accuracy"] > 0.95
    predicted = model.predict(test.images)
    assert predicted.dtype == numpy.int64
    assert numpy.mean(predicted == test.labels) == after["accuracy"]
    proba = model.predict_proba(test.images[:7])
    assert proba.shape == (7, 10)
    assert proba.dtype == numpy.float32
    numpy.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=0, atol=20 * UNIT)
    numpy.testing.assert_array_equal(proba.argmax(axis=1), predicted[:7])


def test_probabilities_are_means_over_views(parts: Parts, lib: Lib) -> None:
    model, images = fresh(backend=lib.backend), parts[1].images[:6]
    plain, mirrored = model.predict_proba(images), model.predict_proba(images[..., ::-1])
    numpy.testing.assert_array_equal(model.predict_proba(images, views=["identity"]), plain)
    both = model.predict_proba(images, views=["identity", "flip"])
    numpy.testing.assert_array_equal(both, plain / 2 + mirrored / 2)
    assert both.dtype == numpy.float32
    assert numpy.abs(both - plain).max() > 1e-3


def test_figures_are_means_over_samples(
    parts: Parts,
) -> None:
    """With lr 0 the figures seen in training are those of the model, short batch and all."""
    train, _ = parts
    model = fresh()
    history = model.fit(train, epochs=1, batch_size=100, optimizer=SGD(0.0))
    figures = model.evaluate(train, batch_size=33)
    assert history["loss"][0] == pytest.approx(figures["loss"], rel=1e-5)
    assert history["accuracy"][0] == figures["accuracy"]


def test_the_model_owns_normalisation(
    parts: Parts,
) -> None:
    train, test = parts
    model = fresh()
    model.fit(train, epochs=1)
    assert model.mean == train.mean
    assert model.std == train.std
    assert model.classes == train.classes
    scaled = test.images.astype(numpy.float32) * 4
    other = xpcnn.data.Dataset.from_arrays(scaled, test.labels)
    model.fit(other, epochs=1)
    assert model.mean == train.mean  # taken once


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_raw_samples_of_the_host_and_of_the_backend(parts: Parts, lib: Lib, dtype: str) -> None:
    images = parts[1].images[:5].astype(dtype)
    model = fresh(backend=lib.backend)
    on_host = model.predict_proba(images)
    numpy.testing.assert_array_equal(model.predict_proba(lib.asarray(images)), on_host)


def test_moves_between_backends(parts: Parts, lib: Lib) -> None:
    train, test = parts
    model = fresh()
    model.fit(train, epochs=1)
    moved = model.to(lib.backend)
    assert moved.backend is lib.backend
    assert weights(moved) == weights(model)
    numpy.testing.assert_allclose(
        moved.predict_proba(test.images[:9]), model.predict_proba(test.images[:9]), atol=1e-6
    )


def test_the_first_fit_validates_by_the_names_of_the_training_classes(parts: Parts) -> None:
    """As `evaluate` does afterwards: another order, fewer classes, no foreign ones."""
    train, test = parts
    backwards = replace(test, labels=9 - test.labels, classes=test.classes[::-1])
    three = test.labels < 3
    few = replace(
        test, images=test.images[three], labels=test.labels[three], classes=test.classes[:3]
    )
    for data in (backwards, few):
        model = fresh()
        seen = model.fit(train, epochs=1, validation=data)
        assert seen["val_accuracy"][-1] == pytest.approx(model.evaluate(data)["accuracy"])
    foreign = replace(test, classes=tuple("abcdefghij"))
    with pytest.raises(LabelError, match="classes that the model does not know: a, b, c, d, e"):
        fresh().fit(train, epochs=1, validation=foreign)


def test_a_fraction_for_validation(parts: Parts) -> None:
    train, _ = parts
    seen = fresh().fit(train, epochs=1, validation=0.2)
    assert seen["val_loss"][0] is not None
    assert fresh().fit(train, epochs=1, validation=0.0)["val_loss"] == [None]


def test_rows_of_features_and_one_output_for_two_classes() -> None:
    """XOR, by a network with one output."""
    x = numpy.asarray([[0, 0], [0, 1], [1, 0], [1, 1]], numpy.float32)
    y = numpy.asarray([0, 1, 1, 0])
    model = Model(
        [Dense(8), Tanh(), Dense(1)],
        input_shape=(2,),
        loss=BCEWithLogits(),
        seed=1,
    )
    model.fit((x, y), epochs=200, batch_size=4, optimizer=Adam(0.05))
    assert model.evaluate((x, y))["accuracy"] == 1.0
    numpy.testing.assert_array_equal(model.predict(x), y)
    assert model.predict_proba(x).shape == (4, 2)


def test_labels_go_by_the_names_of_classes(
    parts: Parts,
) -> None:
    train, test = (part.select(classes=["3", "1", "7"]) for part in parts)
    model = Model([Flatten(), Dense(3)], input_shape=train.shape)
    model.fit(train, epochs=3)
    figures = model.evaluate(test)
    assert figures["accuracy"] > 0.95
    other = parts[1].select(classes=["7", "3", "1"])
    assert model.evaluate(other) == pytest.approx(figures)
    assert model.evaluate(parts[1].select(classes=["7", "1"]))["accuracy"] > 0.95


def test_labels_on_the_device(parts: Parts, lib: Lib) -> None:
    _, test = parts
    model = fresh(backend=lib.backend)
    on_device = lib.asarray(test.images), lib.asarray(test.labels)
    assert model.evaluate(on_device) == model.evaluate((test.images, test.labels))


def test_balanced_class_weights_are_those_of_the_training_data(tmp_path: Path) -> None:
    images = numpy.zeros((6, 1, 8, 8), numpy.uint8)
    loss = SoftmaxCrossEntropy(class_weights="balanced")
    model = Model([Flatten(), Dense(2)], input_shape=(1, 8, 8), loss=loss)
    model.fit((images, [0, 0, 1, 0, 0, 1]), epochs=1)
    assert model.loss == SoftmaxCrossEntropy(class_weights=(0.75, 1.5))
    model.fit((images, [0, 1, 1, 1, 0, 1]), epochs=1)
    assert model.loss == SoftmaxCrossEntropy(class_weights=(0.75, 1.5))  # worked out once
    model.save(tmp_path / "m.safetensors")
    assert xpcnn.load(tmp_path / "m.safetensors").loss == model.loss


def test_a_fit_that_fails_leaves_balanced_weights_open() -> None:
    loss = SoftmaxCrossEntropy(class_weights="balanced")
    model = Model([Flatten(), Dense(2)], input_shape=(1, 8, 8), loss=loss)
    with pytest.raises(ConfigError, match="class 1 has no training samples"):
        model.fit((numpy.zeros((3, 1, 8, 8), numpy.uint8), [0, 0, 0]))
    assert model.loss is loss


SCALE = "given images spread .* times as wide as what the model normalises for"


def test_samples_on_another_scale_are_warned_of_once_a_call(parts: Parts) -> None:
    train, test = parts
    images, labels = test.images[:40], test.labels[:40]
    narrow, wide = images.astype(numpy.float32) / 255, images * numpy.uint8(15)
    model = fresh()
    model.predict(narrow)  # before any training nothing is known of the scale
    model.fit(train, epochs=1)
    calls: list[Callable[[Any], object]] = [
        lambda x: model.predict(x, batch_size=10),
        model.predict_proba,
        lambda x: model.predict(x[:1]),
        lambda x: model.evaluate((x, labels[: len(x)])),
        lambda x: model.fit((x, labels), epochs=1),
        lambda x: fresh().fit(train, epochs=1, validation=(x, labels)),
    ]
    for call in calls:
        for samples, factor in ((narrow, "multiply"), (wide, "divide")):
            with pytest.warns(DataWarning, match=SCALE) as said:
                call(samples)
            (one,) = said
            assert f". Try: {factor} the given images by " in str(one.message)
            assert one.filename == __file__
        call(images)  # no warning, which would be an error here


def test_a_picture_of_little_contrast_is_not_warned_of(parts: Parts) -> None:
    model = fresh()
    model.fit(parts[0], epochs=1)
    grey = numpy.random.default_rng(0).uniform(7.9, 8.1, (1, 1, 8, 8))
    model.predict(grey)
    model.predict((grey / 8).astype(numpy.uint8))


def test_no_samples() -> None:
    none = numpy.zeros((0, 1, 8, 8), numpy.uint8)
    assert fresh().predict(none).shape == (0,)
    assert fresh().predict_proba(none).shape == (0, 10)


class Boom(Callback):
    def __init__(self, error: BaseException, step: int) -> None:
        self.error, self.step = error, step

    def on_step(self, step: int) -> None:
        if step == self.step:
            raise self.error


def test_a_fit_that_fails_changes_nothing(
    parts: Parts,
) -> None:
    model = fresh()
    before = weights(model)
    with pytest.raises(ZeroDivisionError):
        model.fit(parts[0], epochs=2, callbacks=[Boom(ZeroDivisionError(), 30)])
    assert weights(model) == before
    assert (model.mean, model.std, model.classes) == (None, None, None)


def test_an_interrupt_keeps_the_last_step(
    parts: Parts,
) -> None:
    model, same = fresh(), fresh()
    with pytest.raises(KeyboardInterrupt):
        model.fit(parts[0], epochs=9, callbacks=[Boom(KeyboardInterrupt(), 23)])
    same.fit(parts[0], epochs=1)  # 23 batches of 64
    assert weights(model) == weights(same)


def test_divergence_is_said(parts: Parts) -> None:
    model = fresh()
    before = weights(model)
    with pytest.raises(XpcnnError) as error:
        model.fit(parts[0], epochs=5, optimizer=SGD(1e6))
    assert str(error.value) == (
        "training diverged: the output of layers.4 (Dense) is not finite (640 of 640 values), "
        "at update 5 (epoch 1)\n"
        "Try: a smaller learning rate than 1e+06, or clip_norm=1.0"
    )
    assert weights(model) == before


def test_the_advice_has_the_rate_of_the_update_that_failed() -> None:
    """The second of four: the first has the rate 0, and the others are not looked at."""
    model = Model([Dense(4), ReLU(), Dense(2)], input_shape=(3,))
    x = numpy.random.default_rng(0).normal(size=(8, 3)).astype(numpy.float32)
    with pytest.raises(XpcnnError, match=r"at update 2 .*\nTry: a smaller learning rate than 5e"):
        model.fit(
            (x, numpy.arange(8) % 2),
            epochs=1,
            batch_size=2,
            optimizer=SGD(1e39),
            schedule=lambda step, _: [0.0, 0.5, 0.25, 0.125][step],
        )


def test_a_last_step_that_diverges_is_said() -> None:
    """The loss of a step is that of the parameters before it, so the last one shows in no loss."""
    model = Model([Dense(4), ReLU(), Dense(2)], input_shape=(3,))
    x = numpy.random.default_rng(0).normal(size=(8, 3)).astype(numpy.float32)
    with pytest.raises(XpcnnError) as error:
        model.fit((x, numpy.arange(8) % 2), epochs=1, batch_size=8, optimizer=SGD(1e39))
    assert str(error.value) == (
        "training diverged: the weight layers.0.weight is not finite (12 of 12 values), at update "
        "1 (epoch 1)\nTry: a smaller learning rate than 1e+39, or clip_norm=1.0"
    )


def test_a_history_by_figure_and_by_epoch(
    parts: Parts,
) -> None:
    model = fresh()
    assert repr(model) == (
        "Model(Sequential of 1,370 parameters, input_shape=(1, 8, 8), backend='numpy')"
    )
    history = model.fit(parts[0].subset(range(64)), epochs=2)
    assert [record.epoch for record in history] == history["epoch"] == [1, 2]
    with pytest.raises(ConfigError) as error:
        history["los"]
    assert str(error.value).startswith("a history has no figure 'los'\nTry: 'loss' (valid: ")
    with pytest.raises(ConfigError, match=r"no figure 0\nTry: history\.epochs\[0\]$"):
        history[0]  # type: ignore[index]
    assert model.reading == Drawn((8, 8), 0.0, 16.0, "dark", extent=1.0)


def test_summary() -> None:
    summary = fresh().summary(batch_size=32)
    with pytest.raises(
        ConfigError, match=r"^batch_size is 0, expected a whole number of at least 1"
    ):
        fresh().summary(batch_size=0)
    assert summary.parameters == 80 + 1290
    assert summary.multiply_adds == 8 * 64 * 9 + 128 * 10
    assert summary.activation_bytes == (64 + 512 + 512 + 128 + 128 + 10) * 32 * 4
    assert str(summary).splitlines()[:2] == [
        "layer     type       output shape  parameters  multiply-adds",
        "layers.0  Conv2D     8 x 8 x 8             80          4,608",
    ]
