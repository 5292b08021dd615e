"""Wrap a network so that a callback sees every output and gradient. Same results."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias

from xpcnn.initializers import Draw
from xpcnn.layers import Context, Layer
from xpcnn.types import Array, LayerPullback, Params, Shape, flatten

Watch: TypeAlias = Callable[[str, str, Array], None]
"""Called with (kind, path, array): an "output" of a layer, the "gradient" of its input or of a
parameter."""


@dataclass(frozen=True)
class Watched:
    """A layer whose outputs and gradients `watch` sees, in the order in which they arise."""

    layer: Layer
    watch: Watch

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return self.layer.init(shape, draw)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, buffers, pullback = self.layer.forward(params, buffers, x, ctx)
        where = f"{ctx.path} ({type(self.layer).__name__})".lstrip()
        self.watch("output", where, y)

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, grads = pullback(dy, want_dx)
            if not _inner(self.layer):  # the layers within a container report their own
                for path, g in flatten(grads, f"{ctx.path}.").items():
                    self.watch("gradient", path.lstrip("."), g)
            if dx is not None:
                self.watch("gradient", f"the input of {where}", dx)
            return dx, grads

        return y, buffers, backward


def watched(layer: Layer, watch: Watch) -> Layer:
    """Return the same network with every layer in it watched."""
    return rebuilt(layer, lambda layer: Watched(layer, watch))


def rebuilt(layer: Layer, change: Callable[[Layer], Layer]) -> Layer:
    """Return a network with every layer changed, the inner before those that hold them.

    Containers are dataclasses.
    """
    inner = {name: _each(value, change) for name, value in _inner(layer).items()}
    return change(replace(layer, **inner) if inner else layer)  # type: ignore[type-var]


def _inner(layer: Layer) -> dict[str, Any]:
    """Return the fields of a layer that hold layers."""
    if not is_dataclass(layer):
        return {}
    held: dict[str, Any] = {field.name: getattr(layer, field.name) for field in fields(layer)}
    return {name: value for name, value in held.items() if _holds_layers(value)}


def _holds_layers(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(isinstance(item, Layer) for item in value)
    return isinstance(value, Layer)


def _each(value: Any, change: Callable[[Layer], Layer]) -> Any:
    if isinstance(value, tuple):
        return tuple(rebuilt(layer, change) for layer in value)
    return rebuilt(value, change)
