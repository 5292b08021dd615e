"""Layers that are not part of xpcnn: which can be kept in a file, and which are refused."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy
import pytest

from tests.config.reading import from_config
from xpcnn import load
from xpcnn.config.tables import to_config
from xpcnn.errors import ConfigError
from xpcnn.initializers import INITIALIZERS, Draw
from xpcnn.layers import Activation, Context, Dense, Layer, ReLU, Sequential, Tanh
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.types import Array, Params, Shape


class Plain:
    """A layer of the user's own that is no dataclass."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(self, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
        return x, {}, lambda dy, want_dx=True: (dy, {})


@dataclass(frozen=True)
class Scale(Plain):
    """A layer of the user's own, with fields of many kinds."""

    factors: tuple[float, ...]
    inner: Layer
    mode: Literal["fast", 2] = "fast"
    lengths: list[int] | None = None
    anything: Any = None


def test_a_layer_of_ones_own_needs_its_class() -> None:
    layer = Sequential([Scale((1.0, 2.0), inner=Tanh(), mode=2, lengths=(3, 4), anything="x")])  # type: ignore[arg-type]
    config = json.loads(json.dumps(to_config(layer)))
    assert from_config(config, [Scale]) == layer
    with pytest.raises(ConfigError, match=r"^layers\.0: unknown layer type 'Scale'\nTry: "):
        from_config(config)


OWN = (
    "\nTry: a layer class of your own, a frozen dataclass of numbers, texts, tuples of them, "
    "layers and initializers; xpcnn.load(path, layers=[YourLayer]) reads it"
)


def with_type_field() -> Any:
    @dataclass(frozen=True)
    class Typed(Plain):
        type: str = "x"

    return Typed()


def with_a_taken_name() -> Any:
    @dataclass(frozen=True)
    class ReLU(Plain):
        pass

    return ReLU()


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            Activation(lambda x: x, lambda x: 1),
            "layers.1 (Activation): f is a function, which a file cannot hold" + OWN,
        ),
        (Plain(), "layers.1 (Plain): a file cannot describe a layer that is not a dataclass" + OWN),
        (
            Scale((1.0,), ReLU(), anything=numpy.zeros(3)),
            "layers.1 (Scale): anything is a ndarray, which a file cannot hold" + OWN,
        ),
        (
            Scale((1.0, float("inf")), ReLU()),
            "layers.1 (Scale): factors is inf, which a file cannot hold" + OWN,
        ),
        (
            Dense(2, weight_init=lambda shape, rng: numpy.ones(shape, numpy.float32)),
            "layers.1 (Dense): weight_init is a function, which a file cannot hold\nTry: one of "
            f"xpcnn.initializers: {', '.join(INITIALIZERS)}",
        ),
        (
            with_type_field(),
            "layers.1 (Typed): type is a name that files use themselves\nTry: another name",
        ),
        (
            with_a_taken_name(),
            "layers.1 (ReLU): a class of this name is part of xpcnn, and a file could not tell "
            "them apart\nTry: another name for the class",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_file_can_hold_is_said_before(layer: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        to_config(Sequential([ReLU(), layer]))
    assert str(caught.value) == text


def test_a_foreign_loss_is_refused() -> None:
    class Own(SoftmaxCrossEntropy):
        pass

    text = r"^Own is not part of xpcnn: a file describes only layers of your own\n"
    text += r"Try: model\.get_weights\(\) for the weights; or one of SoftmaxCross"
    with pytest.raises(ConfigError, match=text):
        to_config(Own())


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        (Plain, "layers: Plain is not a dataclass" + OWN),
        (
            Scale((1.0,), ReLU()),
            f"layers: {Scale((1.0,), ReLU())!r} is not a dataclass" + OWN,
        ),
        (
            type(with_a_taken_name()),
            "layers: ReLU is the name of a layer that is part of xpcnn\n"
            "Try: another name for the class",
        ),
    ],
    ids=["no dataclass", "an instance", "taken"],
)
def test_extra_layers_are_checked(extra: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_config({"type": "ReLU"}, [extra])
    assert str(caught.value) == text


def test_what_a_class_of_ones_own_raises_is_placed() -> None:
    @dataclass(frozen=True)
    class Even(Plain):
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("number must be even")

    with pytest.raises(ConfigError) as caught:
        from_config({"type": "Sequential", "layers": [{"type": "Even", "number": 3}]}, [Even])
    assert str(caught.value) == (
        "layers.0 (Even): number must be even\nTry: options that Even accepts"
    )


@pytest.mark.parametrize("layers", [3, Dense])
def test_layers_is_a_list(layers: Any) -> None:
    with pytest.raises(ConfigError, match=r"^layers is .*, expected a list of classes\nTry: "):
        load("own.safetensors", layers=layers)
