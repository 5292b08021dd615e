"""Mixed precision: layers that compute in half precision, on parameters of float32."""

from dataclasses import dataclass
from typing import Any

from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer
from xpcnn.layers.learnt_activation import PReLU
from xpcnn.layers.norm import BatchNorm
from xpcnn.layers.rebuilding import inner_layers
from xpcnn.layers.sample_norm import GroupNorm, LayerNorm
from xpcnn.types import (
    Array,
    LayerPullback,
    Params,
    Shape,
    flatten,
    namespace,
    unflatten_like,
)

WIDE = (BatchNorm, GroupNorm, LayerNorm, PReLU)
"""Layers whose ops compute in float32 whatever x is, and so take their parameters as they are."""


@dataclass(frozen=True)
class MixedPrecision:
    """Layers that compute in half precision.

    Forward, x and the parameters are rounded to half precision, but for those of normalisations,
    and the output becomes float32 again, for the loss. Backward, the gradient of the output is
    rounded, and the gradients of the parameters become float32.

    In half precision are the products of convolutions and dense layers, which all libraries add up
    in float32, and what picks or adds few values: ReLU and its kin, max pooling, sums of branches,
    dropout. All other ops compute in float32 and round what they return; see `ops.dispatch.op`.
    Running statistics stay float32.

    layer: what computes.
    dtype: of half precision, a dtype of the library of the arrays.
    wide: paths of the layers whose parameters stay as they are: `wide_layers(layer)`.

    Source: Micikevicius et al. 2018, arXiv:1710.03740.
    """

    layer: Layer
    dtype: Any
    wide: frozenset[str]

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return self.layer.init(shape, draw)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        xp, full, flat = namespace(x), x.dtype, flatten(params)
        narrow = [path for path in flat if path.rpartition(".")[0] not in self.wide]
        rounded = ops.converted(*(flat[path] for path in narrow), dtype=self.dtype)
        params = unflatten_like(params, flat | dict(zip(narrow, rounded, strict=True)))
        y, buffers, back = self.layer.forward(params, buffers, xp.astype(x, self.dtype), ctx)

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, grads = back(xp.astype(dy, self.dtype), want_dx)
            flat = flatten(grads)
            halves = [path for path, g in flat.items() if g.dtype != full]
            wide = ops.converted(*(flat[path] for path in halves), dtype=full)
            grads = unflatten_like(grads, flat | dict(zip(halves, wide, strict=True)))
            return None if dx is None else xp.astype(dx, full), grads

        return xp.astype(y, full), buffers, pullback


def wide_layers(layer: Layer, path: str = "") -> frozenset[str]:
    """Return the paths of the layers in a network that are of `WIDE`."""
    if isinstance(layer, WIDE):
        return frozenset([path])
    found: frozenset[str] = frozenset()
    if inner_layers(layer) and hasattr(layer, "children"):
        for name, child in layer.children():
            found |= wide_layers(child, f"{path}.{name}" if path else name)
    return found
