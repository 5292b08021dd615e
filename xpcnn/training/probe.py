"""Wrap a network so that a callback sees every output and gradient. Same results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from xpcnn.layers import Context, Layer
from xpcnn.layers.rebuilding import Wrapper, inner_layers, rebuilt
from xpcnn.types import Array, LayerPullback, Params, flatten

Watch: TypeAlias = Callable[[str, str, Array], None]
"""Called with (kind, path, array): an "output" of a layer, the "gradient" of its input or of a
parameter."""


@dataclass(frozen=True)
class Watched(Wrapper):
    """A layer whose outputs and gradients `watch` sees, in the order in which they arise."""

    watch: Watch

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, buffers, pullback = self.layer.forward(params, buffers, x, ctx)
        where = f"{ctx.path} ({type(self.layer).__name__})".lstrip()
        self.watch("output", where, y)

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, grads = pullback(dy, want_dx)
            if not inner_layers(self.layer):  # the layers within a container report their own
                for path, g in flatten(grads, f"{ctx.path}.").items():
                    self.watch("gradient", path.lstrip("."), g)
            if dx is not None:
                self.watch("gradient", f"the input of {where}", dx)
            return dx, grads

        return y, buffers, backward


def watched(layer: Layer, watch: Watch) -> Layer:
    """Return the same network with every layer in it watched."""
    return rebuilt(layer, lambda layer: Watched(layer, watch))
