"""Layer and group normalisation: layers that normalise each sample by itself."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

from xpcnn import ops
from xpcnn.initializers import Constant, Draw, Zeros
from xpcnn.layers.base import Context
from xpcnn.ops.hyperparameter_checks import check_groups, plain_sizes
from xpcnn.ops.norm import check_axes, check_rising
from xpcnn.options import COUNT, POSITIVE, check
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class LayerNorm:
    """Normalise each sample by its own mean and variance, in training and in inference.

        y = gamma * (x - mean) / sqrt(var + eps) + beta

    The variance is the biased one.

    axes: axes of the batch over which mean and variance are computed: one number or several in
        rising order, from 1 on (0 is the axis of samples); 1 for the channels of each pixel; None
        for all axes of a sample.
    eps: added to the variance, inside the root; above 0.

    Parameters: gamma, beta, of the sizes of a sample along `axes`; (c, h, w) for images by default.
    Backward and source: `help(xpcnn.ops.layer_norm)`.

    Raises:
        ConfigError: a hyperparameter is out of range, or samples lack an axis (in `init`).
    """

    axes: int | tuple[int, ...] | None = None
    _: KW_ONLY
    eps: float = 1e-5

    def __post_init__(self) -> None:
        axes = plain_sizes(self.axes)
        object.__setattr__(self, "axes", axes)
        check(self, eps=POSITIVE)
        if axes is not None:
            check_rising("LayerNorm", self._axes(0))

    def _axes(self, ndim: int) -> tuple[int, ...]:
        """Return the axes to normalise over, of a batch with `ndim` axes."""
        if self.axes is None:
            return tuple(range(1, ndim))
        return self.axes if isinstance(self.axes, tuple) else (self.axes,)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        axes = self._axes(len(shape) + 1)
        check_axes("LayerNorm", axes, len(shape) + 1)
        return _affine(draw, tuple(shape[axis - 1] for axis in axes)), {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        axes = self._axes(len(x.shape))
        return _normalised(ops.layer_norm, x, params, axes=axes, eps=self.eps)


@dataclass(frozen=True)
class GroupNorm:
    """Normalise each group of channels of each sample, in training and in inference.

        y[c] = gamma[c] * (x[c] - mean) / sqrt(var + eps) + beta[c]

    Mean and biased variance are those of the group to which channel c belongs. One group normalises
    whole samples; as many groups as channels are instance normalisation.

    groups: number of groups, a divisor of the number of channels.
    eps: added to the variance, inside the root; above 0.

    Parameters: gamma, beta (c,).
    Backward and source: `help(xpcnn.ops.group_norm)`.

    Raises:
        ConfigError: a hyperparameter is out of range, or `groups` does not divide the channels.
    """

    groups: int
    _: KW_ONLY
    eps: float = 1e-5

    def __post_init__(self) -> None:
        check(self, groups=COUNT, eps=POSITIVE)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_groups("GroupNorm", self.groups, shape[0])
        return _affine(draw, shape[:1]), {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return _normalised(ops.group_norm, x, params, groups=self.groups, eps=self.eps)


def _affine(draw: Draw, shape: Shape) -> Params:
    return {"gamma": draw("gamma", Constant(1.0), shape), "beta": draw("beta", Zeros(), shape)}


def _normalised(
    op: Callable[..., Any], x: Array, params: Params, **options: Any
) -> tuple[Array, Params, LayerPullback]:
    y, back = op(x, params["gamma"], params["beta"], **options)

    def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
        dx, dgamma, dbeta = back(dy, (want_dx, True, True))
        return dx, {"gamma": dgamma, "beta": dbeta}

    return y, {}, pullback
