"""Layer and group normalisation, of each sample by itself: the definition of the ops.

Array API functions only; writes into no array. m is the number of values in each mean.
Output dtype = input dtype. There are no running statistics: training and inference are alike.
"""

import math
from collections.abc import Callable, Sequence

from xpcnn.types import Array, Pullback, namespace


def layer_norm(
    x: Array, gamma: Array | None, beta: Array | None, *, axes: Sequence[int], eps: float = 1e-5
) -> tuple[Array, Pullback]:
    """Normalise each sample along some axes, by the mean and variance along them.

        mean = (1/m) sum x      var = (1/m) sum (x - mean)^2      (biased, in two passes)
        xhat = (x - mean) / sqrt(var + eps)      y = gamma * xhat + beta

    Backward, with dxhat = gamma * dy and s = 1/sqrt(var + eps), as in `batch_norm`:

        dx = s (dxhat - (1/m) sum dxhat - xhat * (1/m) sum dxhat * xhat)

    dbeta = sum dy and dgamma = sum dy * xhat are sums along all other axes.
    Source: Ba et al. 2016, arXiv:1607.06450.

    Args:
        x: (n, ...).
        gamma, beta: scale and shift, with the sizes of x along `axes`, or None for 1 and 0.
        axes: axes of x over which mean and variance are computed, from 1 on in rising order:
            (1, 2, 3) for whole images, (1,) for the channels of each pixel.
        eps: added to the variance, inside the root; above 0.

    Returns:
        y like x, and the pullback dy -> (dx, dgamma, dbeta).

    Kernels: C.
    """
    shape = tuple(n if axis in axes else 1 for axis, n in enumerate(x.shape))
    others = tuple(axis for axis in range(x.ndim) if axis not in axes)
    xhat, back = _standardised(x, tuple(axes), eps)
    return _with_affine(xhat, back, gamma, beta, shape, others)


def group_norm(
    x: Array, gamma: Array | None, beta: Array | None, *, groups: int, eps: float = 1e-5
) -> tuple[Array, Pullback]:
    """Normalise each group of channels of each sample, by its own mean and variance.

    Group k has the channels k * c/groups to (k + 1) * c/groups - 1. Within a group the formulas
    are those of `layer_norm`; gamma and beta are per channel:

        y[n,c,...] = gamma[c] * xhat[n,c,...] + beta[c]

    One group normalises whole samples, as many groups as channels each channel by itself (instance
    normalisation). Source: Wu and He 2018, arXiv:1803.08494.

    Args:
        x: (n, c, ...), such as images.
        gamma, beta: scale and shift (c,), or None for 1 and 0.
        groups: number of groups, a divisor of c.
        eps: added to the variance, inside the root; above 0.

    Returns:
        y like x, and the pullback dy -> (dx, dgamma, dbeta).

    Kernels: C.
    """
    xp = namespace(x)
    grouped = (x.shape[0], groups, math.prod(x.shape[1:]) // groups)
    flat, flat_back = _standardised(xp.reshape(x, grouped), (2,), eps)

    def back(dxhat: Array) -> Array:
        return xp.reshape(flat_back(xp.reshape(dxhat, grouped)), x.shape)

    channels = (1, x.shape[1], *(1,) * (x.ndim - 2))
    others = (0, *range(2, x.ndim))
    return _with_affine(xp.reshape(flat, x.shape), back, gamma, beta, channels, others)


def _standardised(
    x: Array, axes: tuple[int, ...], eps: float
) -> tuple[Array, Callable[[Array], Array]]:
    """Return xhat, of mean 0 and variance 1 along axes, and the function from dxhat to dx."""
    xp = namespace(x)
    centred = x - xp.mean(x, axis=axes, keepdims=True)
    var = xp.mean(centred * centred, axis=axes, keepdims=True)
    scale = 1.0 / xp.sqrt(var + eps)
    xhat = centred * scale

    def back(dxhat: Array) -> Array:
        mean = xp.mean(dxhat, axis=axes, keepdims=True)
        along_xhat = xp.mean(dxhat * xhat, axis=axes, keepdims=True)
        return (dxhat - mean - xhat * along_xhat) * scale

    return xhat, back


def _with_affine(
    xhat: Array,
    back: Callable[[Array], Array],
    gamma: Array | None,
    beta: Array | None,
    shape: tuple[int, ...],
    others: tuple[int, ...],
) -> tuple[Array, Pullback]:
    """Return y = gamma * xhat + beta and the pullback dy -> (dx, dgamma, dbeta).

    shape: of gamma and beta for broadcasting; others: the axes along which they are broadcast.
    """
    xp = namespace(xhat)
    scale = None if gamma is None else xp.reshape(gamma, shape)
    y = xhat if scale is None else xhat * scale
    if beta is not None:
        y = y + xp.reshape(beta, shape)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dgamma, want_dbeta = wants or (True, True, True)
        dx = dgamma = dbeta = None
        if want_dx:
            dx = back(dy if scale is None else dy * scale)
        if want_dgamma and gamma is not None:
            dgamma = xp.sum(dy * xhat, axis=others)
        if want_dbeta and beta is not None:
            dbeta = xp.sum(dy, axis=others)
        return dx, dgamma, dbeta

    return y, pullback
