"""Copies and pickles of models, layers and data sets."""

import copy
import pickle
import pickletools
from dataclasses import dataclass
from typing import Any

import numpy
import pytest

import xpcnn
from tests.lib import Lib
from xpcnn import Model, backend
from xpcnn.data import Dataset
from xpcnn.errors import BackendError, CheckpointError, ConfigError, XpcnnError
from xpcnn.initializers import Draw
from xpcnn.layers import Activation, BatchNorm, Context, Conv2D, Dense, Flatten, Layer, ReLU
from xpcnn.losses import BCEWithLogits
from xpcnn.types import Array, Params, Shape, flatten

IMAGES = numpy.random.default_rng(0).integers(0, 256, (12, 1, 6, 6), numpy.uint8)
LABELS = numpy.arange(12) % 3


@dataclass(frozen=True)
class Twice:
    """A layer of the user's own."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(self, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
        return 2.0 * x, {}, lambda dy, want_dx=True: (2.0 * dy, {})


def square(x: Array) -> Array:
    return x * x


def slope(x: Array) -> Array:
    return 2.0 * x


def trained(*more: Layer, **options: Any) -> Model:
    layers: list[Layer] = [Conv2D(2, 3), BatchNorm(), ReLU(), *more, Flatten(), Dense(3)]
    model = Model(layers, input_shape=(1, 6, 6), seed=3, **options)
    model.fit((IMAGES, LABELS), epochs=1, batch_size=4)
    return model


def state(model: Model) -> dict[str, Any]:
    arrays = flatten({"params": model.params, "buffers": model.buffers})
    kept = ("layers", "loss", "seed", "dtype", "classes", "mean", "std", "reading", "provenance")
    return {
        **{path: model.backend.to_host(x).tobytes() for path, x in arrays.items()},
        **{name: getattr(model, name) for name in kept},
    }


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_a_copy_has_everything_and_is_independent(lib: Lib, how: str) -> None:
    if lib.name == "cupy-on-host" and how == "pickle":
        pytest.skip("cupy-on-host: a library of the tests, not opened by its name")
    model = trained(loss=BCEWithLogits(positive_weights=(1.0, 2.0, 3.0)), backend=lib.backend)
    before = state(model)
    copied = copy.deepcopy(model) if how == "deepcopy" else pickle.loads(pickle.dumps(model))
    assert state(copied) == before
    assert copied.backend.name == model.backend.name
    assert copied != model
    answers = copied.predict_proba(IMAGES), model.predict_proba(IMAGES)
    numpy.testing.assert_allclose(*answers, rtol=0, atol=1e-6)  # kernels may differ
    copied.fit((IMAGES, LABELS), epochs=1)
    assert state(model) == before != state(copied)
    if lib.name == "numpy":
        copy.deepcopy(model).params["layers.0"]["weight"][...] = 0.0
        assert state(model) == before


def test_a_shallow_copy_shares_the_arrays() -> None:
    model = trained()
    copied = copy.copy(model)
    assert copied.params is model.params
    copied.fit((IMAGES, LABELS), epochs=1)
    assert copied.params is not model.params


def test_a_pickle_holds_no_code() -> None:
    """Import paths of one function and of the user's layers; all else is plain."""
    content = pickle.dumps(trained(Twice()))
    strings: list[Any] = []
    found = set()
    for code, argument, _ in pickletools.genops(content):
        assert code.name not in ("GLOBAL", "INST", "OBJ", "NEWOBJ", "BUILD")
        if code.name == "STACK_GLOBAL":
            found.add(".".join(strings[-2:]))
        elif isinstance(argument, str):
            strings.append(argument)
    assert found == {"xpcnn.model.unpickled_model", "tests.io.test_pickle.Twice"}
    assert pickle.loads(content).layers == trained(Twice()).layers


def test_another_machine_without_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    content = pickle.dumps(trained())
    answer = ("NumPy is not installed", "pip install numpy")
    monkeypatch.setattr(backend, "problem", lambda name, device: answer)
    with pytest.raises(BackendError) as caught:
        pickle.loads(content)
    assert str(caught.value) == (
        "backend 'numpy' cannot be used: NumPy is not installed\n"
        "the pickled model was on backend 'numpy'\n"
        "Try: pip install numpy"
    )


def test_a_damaged_pickle() -> None:
    content = pickle.dumps(trained())
    place = content.index(b"layers", content.index(b"__metadata__")) - 1
    with pytest.raises(CheckpointError, match=r"pickled\.safetensors is not a complete"):
        pickle.loads(content[:place] + b"?" + content[place + 1 :])


def local() -> Layer:
    @dataclass(frozen=True)
    class Inner(Twice):
        pass

    return Inner()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: trained(Activation(lambda x: x, lambda x: x)),
            "layers.3 (Activation): f is a function, which a file cannot hold\nTry: a layer class",
        ),
        (
            lambda: trained(local()),
            "the layer class Inner cannot be pickled: it has no import path, by which pickle would "
            "find it\n"
            "Try: define it by name at the top level of a module",
        ),
        (
            lambda: Activation(lambda x: x, square),
            "Activation: f cannot be pickled: it has no import path, by which pickle would find "
            "it\nTry: ",
        ),
    ],
)
def test_what_cannot_be_pickled(make: Any, text: str) -> None:
    thing = make()
    with pytest.raises(ConfigError) as caught:
        pickle.dumps(thing)
    assert str(caught.value).startswith(text)
    assert "\nTry: " in str(caught.value)
    assert copy.deepcopy(thing) is not None  # can be copied all the same


def test_functions_that_have_names_are_pickled() -> None:
    layer = Activation(square, slope)
    assert pickle.loads(pickle.dumps(layer)) == layer


def test_a_model_that_is_not_finite() -> None:
    model = trained()
    model.params["layers.4"]["bias"][0] = numpy.nan
    with pytest.raises(XpcnnError, match=r"^the model: NaN or infinity in layers\.4\.bias"):
        pickle.dumps(model)


def test_data_sets_are_equal_by_what_they_hold() -> None:
    data = Dataset.from_arrays(IMAGES, LABELS, ["a", "b", "c"])
    assert data == copy.deepcopy(data) == pickle.loads(pickle.dumps(data))
    assert hash(data) == hash(copy.deepcopy(data))
    assert data != Dataset.from_arrays(IMAGES, LABELS[::-1], ["a", "b", "c"])
    assert data != Dataset.from_arrays(IMAGES.astype("f4"), LABELS, ["a", "b", "c"])
    assert data != Dataset.from_arrays(IMAGES, LABELS, ["a", "b", "d"])
    assert data != "data"


def test_histories_and_options_are_values() -> None:
    history = trained().fit((IMAGES, LABELS), epochs=1, batch_size=4)
    assert pickle.loads(pickle.dumps(history)) == history == copy.deepcopy(history)
    options = xpcnn.training.TrainingOptions(epochs=3, freeze=["layers.0.*"])  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(options)) == options
