"""The dropout layers: of elements, of channels and of whole samples."""

from dataclasses import dataclass

from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, without_parameters
from xpcnn.options import FRACTION, check
from xpcnn.types import Array, LayerPullback, Params, Shape, namespace


@dataclass(frozen=True)
class Dropout:
    """In training, set elements to zero at random and scale the others; in inference, y = x.

        y = x * mask    dx = dy * mask    mask = 0 with probability rate, otherwise 1 / (1 - rate)

    An element is dropped where its random number u in [0, 1) is below the rate. The mask depends
    only on seed, path of the layer, forward pass and element, so it is the same on every backend:
    `xpcnn.random.uniform`, by `training.recipe.random_source`.

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
            uniform = ctx.uniform(self.drawn(tuple(x.shape)))
            if uniform.shape != x.shape:
                uniform = namespace(x).broadcast_to(uniform, x.shape)
            return without_parameters(*ops.dropout(x, uniform, rate=self.rate))
        return x, {}, lambda dy, want_dx=True: (dy if want_dx else None, {})

    def drawn(self, shape: Shape) -> Shape:
        """Return the shape of the random numbers for a batch, 1 along axes that share a number."""
        return shape


@dataclass(frozen=True)
class SpatialDropout(Dropout):
    """In training, set whole channels to zero at random; in inference, y = x.

        y[n,c] = x[n,c] * mask[n,c], for all pixels    dx = dy * mask
        mask = 0 with probability rate, otherwise 1 / (1 - rate)

    A single dropped pixel can be guessed from its neighbours, which are nearly equal; a dropped
    channel cannot.

    rate: probability that a channel is dropped, in [0, 1).

    Source: Tompson et al. 2015, arXiv:1411.4280.

    Raises:
        ConfigError: `rate` is out of range.
    """

    def drawn(self, shape: Shape) -> Shape:
        return (*shape[:2], *(1,) * (len(shape) - 2))


@dataclass(frozen=True)
class StochasticDepth(Dropout):
    """In training, set whole samples to zero at random; in inference, y = x.

        y[n] = x[n] * mask[n]    dx = dy * mask
        mask = 0 with probability rate, otherwise 1 / (1 - rate)

    As the last layer of the body of a Residual, it drops the body for some samples, whose y is the
    shortcut alone: Residual(Sequential([..., StochasticDepth(0.1)])).

    rate: probability that a sample is dropped, in [0, 1).

    Source: Huang et al. 2016, arXiv:1603.09382.

    Raises:
        ConfigError: `rate` is out of range.
    """

    def drawn(self, shape: Shape) -> Shape:
        return (*shape[:1], *(1,) * (len(shape) - 1))
