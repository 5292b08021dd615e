"""The dropout layer."""

from dataclasses import dataclass

from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, LayerPullback, without_parameters
from xpcnn.options import FRACTION, check
from xpcnn.types import Array, Params, Shape


@dataclass(frozen=True)
class Dropout:
    """Drop a share of the elements in training; do nothing otherwise.

    Formulas: `ops/reference/elementwise.py`.

    What is dropped depends on (seed, path of the layer, step, element) alone: the same on every
    backend.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        check(self, rate=FRACTION)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        if ctx.training and self.rate > 0:
            return without_parameters(*ops.dropout(x, ctx.uniform(tuple(x.shape)), rate=self.rate))
        return x, {}, lambda dy, want_dx=True: (dy if want_dx else None, {})
