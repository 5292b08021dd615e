"""Models to a file and back: the same predictions, and files that lie are refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file

import xpcnn
from tests.lib import Lib
from xpcnn import Model, backend
from xpcnn.data.reading import Pictures
from xpcnn.errors import CheckpointError, ConfigError, DataWarning
from xpcnn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    PReLU,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
)
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.model_loading import load_model
from xpcnn.optimizers import SGD
from xpcnn.types import Array, flatten

NAMES = ("one", "two", "three")


def images(n: int = 12) -> numpy.ndarray:
    return numpy.random.default_rng(0).integers(0, 256, (n, 1, 6, 6), dtype=numpy.uint8)


def network() -> Sequential:
    block = Sequential([Conv2D(3, 3, padding="same", bias=False), BatchNorm()])
    return Sequential(
        [Conv2D(3, 3), PReLU(), Residual(block), Dropout(0.1), Flatten(), Dense(3)],
    )


def trained(**options: Any) -> Model:
    """Return a small model with a state in every place that a model has."""
    options = {"classes": NAMES, "seed": 5, **options}
    model = Model(network(), input_shape=(1, 6, 6), **options)
    labels = numpy.arange(12) % 3
    model.fit((images(), labels), epochs=1, batch_size=4, optimizer=SGD(lr=0.01))
    model.reading = Pictures("L", (6, 6), "crop", "lanczos")
    model.provenance = {"data": "noise", "metrics": {"accuracy": 0.5}, "tags": ["a", None]}
    return model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.safetensors"


@pytest.fixture
def saved(path: Path) -> Path:
    trained().save(path)
    return path


def test_a_model_comes_back_as_it_was(path: Path) -> None:
    loss = SoftmaxCrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0, 3.0))
    model = trained(loss=loss)
    model.save(str(path))
    again = load_model(str(path))
    for name in (
        *("layers", "input_shape", "output_shape", "loss", "classes", "seed", "dtype"),
        *("mean", "std", "reading", "provenance"),
    ):
        assert getattr(again, name) == getattr(model, name), name
        assert type(getattr(again, name)) is type(getattr(model, name)), name
    for before, after in ((model.params, again.params), (model.buffers, again.buffers)):
        assert list(flatten(after)) == list(flatten(before))
        for name, x in flatten(before).items():
            numpy.testing.assert_array_equal(flatten(after)[name], x, strict=True)
    expected = model.predict_proba(images())
    numpy.testing.assert_array_equal(again.predict_proba(images()), expected, strict=True)


@pytest.mark.parametrize("loss", [MSE(), BCEWithLogits()])
def test_other_losses_and_float64_come_back(path: Path, loss: Any) -> None:
    model = trained(loss=loss, dtype="float64")
    model.save(path)
    again = load_model(path)
    assert again.loss == loss
    numpy.testing.assert_array_equal(
        again.predict_proba(images()), model.predict_proba(images()), strict=True
    )


def test_a_model_that_was_never_fitted_comes_back(path: Path) -> None:
    model = Model([Dense(2)], input_shape=(3,), seed=1)
    model.save(path)
    again = load_model(path)
    assert (again.mean, again.std, again.classes) == (None, None, None)
    numpy.testing.assert_array_equal(
        again.params["layers.0"]["weight"], model.params["layers.0"]["weight"], strict=True
    )


def test_a_loaded_model_trains_on(saved: Path) -> None:
    again = load_model(saved)
    labels = numpy.arange(12) % 3
    history = again.fit((images(), labels), epochs=2, batch_size=4, optimizer=SGD(lr=0.01))
    assert len(history) == 2


def test_a_file_of_one_library_is_read_by_all(lib: Lib, path: Path) -> None:
    model = trained()
    moved = model.to(lib.backend)
    moved.save(path)
    here = load_model(path)
    there = load_model(path, backend=lib.backend)
    assert there.backend.name == lib.backend.name
    expected = model.predict_proba(images())
    numpy.testing.assert_array_equal(here.predict_proba(images()), expected, strict=True)
    numpy.testing.assert_allclose(there.predict_proba(images()), expected, rtol=1e-5, atol=1e-6)


def test_the_same_model_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    load_model(saved).save(again)
    assert again.read_bytes() == saved.read_bytes()


def test_names_in_the_file(saved: Path) -> None:
    assert sorted(load_file(saved)) == [
        "buffers.layers.2.body.layers.1.mean",
        "buffers.layers.2.body.layers.1.var",
        "layers.0.bias",
        "layers.0.weight",
        "layers.1.slope",
        "layers.2.body.layers.0.weight",
        "layers.2.body.layers.1.beta",
        "layers.2.body.layers.1.gamma",
        "layers.5.bias",
        "layers.5.weight",
    ]


@dataclass(frozen=True)
class Shout(LeakyReLU):
    """A layer of the user's own."""

    slope: float = 2.0


def test_a_layer_of_ones_own_is_kept_by_name(path: Path) -> None:
    model = Model([Shout(3.0), Dense(2)], input_shape=(3,))
    model.save(path)
    assert load_model(path, layers=[Shout]).layers == model.layers
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: layers.0: unknown layer type 'Shout'\nTry: ")
    assert message.endswith("; a class of your own: xpcnn.load(path, layers=[ThatClass])")


def test_a_model_that_no_file_can_hold_leaves_the_old_one(saved: Path) -> None:
    before = saved.read_bytes()
    model = Model([Activation(abs, abs), Dense(2)], input_shape=(3,))
    with pytest.raises(ConfigError, match=r"^layers\.0 \(Activation\): f is a "):
        model.save(saved)
    broken = trained()
    broken.params["layers.5"]["bias"][1] = numpy.nan
    with pytest.raises(CheckpointError, match=r": NaN or infinity in layers\.5\.bias\nTry: "):
        broken.save(saved)
    assert saved.read_bytes() == before


def test_the_file_stays_out_of_reach_of_the_arrays(saved: Path) -> None:
    first, second = load_model(saved), load_model(saved)
    weights: Array = first.params["layers.5"]["weight"]
    weights += 1.0
    assert not numpy.array_equal(weights, second.params["layers.5"]["weight"])
    assert not numpy.array_equal(weights, load_model(saved).params["layers.5"]["weight"])


def test_an_open_backend_will_do(saved: Path) -> None:
    opened = backend.load("numpy")
    assert load_model(saved, backend=opened).backend is opened


@pytest.mark.parametrize(
    ("name", "advice"),
    [("m.onnx", "xpcnn.export_onnx(model, path)"), ("m.PT", "model.safetensors")],
)
def test_a_name_of_another_format_is_warned_of(tmp_path: Path, name: str, advice: str) -> None:
    model = Model([Flatten(), Dense(3)], input_shape=(1, 6, 6))
    with pytest.warns(DataWarning) as warned:
        model.save(tmp_path / name)
    assert str(warned[0].message) == (
        f"{tmp_path / name} is written as a safetensors file, whatever its name\nTry: {advice}"
    )
    assert warned[0].filename == __file__
    assert (load_model(tmp_path / name).predict(images()) == model.predict(images())).all()


@pytest.mark.parametrize(
    ("last", "loss"), [(Sigmoid(), BCEWithLogits()), (Softmax(), SoftmaxCrossEntropy())]
)
def test_what_an_older_version_saved_is_loaded_with_a_warning(
    path: Path, monkeypatch: pytest.MonkeyPatch, last: Layer, loss: Loss
) -> None:
    with monkeypatch.context() as before:
        before.setattr("xpcnn.network.CONTAINED_IN", {Softmax: (), Sigmoid: ()})
        old = Model([Flatten(), Dense(3), last], input_shape=(1, 6, 6), loss=loss)
        old.fit((images(), numpy.arange(12) % 3), epochs=1)
        old.save(path)
    what = f"the network ends with {type(last).__name__}, which the loss {type(loss).__name__} "
    with pytest.warns(DataWarning, match=f"^{what}contains: .*\nTry: xpcnn.load_weights"):
        again = load_model(path)
    assert (again.predict_proba(images()) == old.predict_proba(images())).all()
    anew = Model([Flatten(), Dense(3)], input_shape=(1, 6, 6), loss=loss)
    with pytest.warns(DataWarning):
        assert xpcnn.load_weights(anew, path).taken == ("layers.1",)
    with pytest.raises(ConfigError, match=f"^{what}contains\nTry: leave"):
        Model(again.layers, input_shape=(1, 6, 6), loss=loss)
