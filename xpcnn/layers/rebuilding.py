"""Networks with some layers replaced, and wrappers that observe the layers inside them."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer
from xpcnn.layers.containers import Sequential
from xpcnn.layers.dropout import Dropout
from xpcnn.layers.own_activation import Activation
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class Wrapper:
    """A layer that runs another layer, with its parameters; subclasses observe what it computes."""

    layer: Layer

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return self.layer.init(shape, draw)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return self.layer.forward(params, buffers, x, ctx)


def rebuilt(layer: Layer, change: Callable[[Layer], Layer]) -> Layer:
    """Return a network with `change` applied to every layer, to inner layers before containers.

    Containers are dataclasses with layers as fields.
    """
    inner = {name: _each(value, change) for name, value in inner_layers(layer).items()}
    return change(replace(layer, **inner) if inner else layer)  # type: ignore[type-var]


def inner_layers(layer: Layer) -> dict[str, Any]:
    """Return the fields of a layer that hold layers."""
    if not is_dataclass(layer):
        return {}
    held: dict[str, Any] = {field.name: getattr(layer, field.name) for field in fields(layer)}
    return {name: value for name, value in held.items() if _holds_layers(value)}


def last_layer(layer: Layer) -> Layer:
    """Return the layer whose output is that of the network: the last one of each `Sequential`."""
    while isinstance(layer, Sequential):
        layer = layer.layers[-1]
    return layer


def is_of_xpcnn(layer: Layer) -> bool:
    """Whether a layer and all layers in it are classes of `xpcnn.layers`, without own functions."""
    inner = [x if isinstance(x, tuple) else (x,) for x in inner_layers(layer).values()]
    return (
        type(layer).__module__.startswith("xpcnn.layers.")
        and not isinstance(layer, Activation)
        and all(is_of_xpcnn(item) for items in inner for item in items)
    )


def _holds_layers(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(isinstance(item, Layer) for item in value)
    return isinstance(value, Layer)


def _each(value: Any, change: Callable[[Layer], Layer]) -> Any:
    if isinstance(value, tuple):
        return tuple(rebuilt(layer, change) for layer in value)
    return rebuilt(value, change)


def without_dropout(layer: Layer) -> Layer:
    """Return the network with a dropout rate of 0."""
    return rebuilt(layer, lambda leaf: Dropout(0.0) if isinstance(leaf, Dropout) else leaf)
