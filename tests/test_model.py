"""Model: what people hold. Raw samples in, host arrays out; a call that fails changes nothing."""

import numpy
import pytest

import xpcnn
from tests.lib import Lib
from tests.rounding import UNIT
from tests.small_model import Parts, fresh, weights
from xpcnn import Model
from xpcnn.data.reading import Drawn
from xpcnn.errors import (
    ConfigError,
)
from xpcnn.layers import (
    Dense,
    Tanh,
)
from xpcnn.losses import BCEWithLogits
from xpcnn.optimizers import SGD, Adam
from xpcnn.summary import summarize


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
    predicted = model.predict(images, views=["identity", "flip"])
    numpy.testing.assert_array_equal(predicted, both.argmax(axis=1))
    assert (predicted != model.predict(images)).any()
    numpy.testing.assert_array_equal(
        model.predict(images, views=["flip"]), model.predict(images[..., ::-1])
    )


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


def test_no_samples() -> None:
    none = numpy.zeros((0, 1, 8, 8), numpy.uint8)
    assert fresh().predict(none).shape == (0,)
    assert fresh().predict_proba(none).shape == (0, 10)


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


@pytest.mark.parametrize(
    ("units", "text"), [(8, "0.4 KiB of "), (2**17, "6.0 MiB of "), (2**26, "3.0 GiB of ")]
)
def test_memory_is_told_in_the_unit_of_its_size(units: int, text: str) -> None:
    summary = summarize(Dense(units, bias=False), (4,))  # 3 arrays of 4 * units float32
    assert f"about:\n  {text}parameters, gradients and momentum" in str(summary)
