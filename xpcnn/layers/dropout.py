"""The dropout layer."""

from dataclasses import dataclass

from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, without_parameters
from xpcnn.options import FRACTION, check
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class Dropout:
    """In training, set elements to zero at random and scale the others; in inference, y = x.

        y = x * mask    dx = dy * mask    mask = 0 with probability rate, otherwise 1 / (1 - rate)

    The mask depends on (seed, path of the layer, forward pass, element) alone, so it is the same on
    every backend: `xpcnn.random.uniform`, by `training.recipe.random_source`.

    rate: probability that an element is dropped, in [0, 1).

    Source: Srivastava et al. 2014, JMLR 15.

    Raises:
        ConfigError: `rate` is out of range.
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
