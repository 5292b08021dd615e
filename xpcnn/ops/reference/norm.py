"""Batch normalisation: the definition of the ops.

Array API functions only; writes into no array. Sizes: x (n, c, h, w) or (n, c), parameters and
statistics (c,). m = n*h*w (or n) is the number of values per channel. Output dtype = input dtype.
Source: Ioffe and Szegedy 2015, arXiv:1502.03167.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

from xpcnn.types import Array, Pullback, namespace

Running: TypeAlias = tuple[Array, Array, float]
"""Running mean and variance (c,), and the weight of a new batch in them, in [0, 1]."""


def batch_norm(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
    running: Running | None = None,
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Normalise every channel by the mean and variance of the batch.

        mean = (1/m) sum x      var = (1/m) sum (x - mean)^2      (biased, in two passes)
        xhat = (x - mean) / sqrt(var + eps)      y = gamma * xhat + beta

    Backward. dbeta = sum dy and dgamma = sum dy * xhat. x reaches y in three ways, through xhat
    itself, through the variance and through the mean; with s = 1/sqrt(var + eps):

        dxhat = gamma * dy
        dvar  = sum dxhat * (x - mean) * (-1/2) s^3    = -(s^2/2) sum dxhat * xhat
        dmean = -s sum dxhat       (mean in var adds nothing: sum (x - mean) = 0)
        dx    = s dxhat + dvar * 2 (x - mean)/m + dmean/m

    and, with dvar and dmean inserted,

        dx = gamma s (dy - dbeta/m - xhat * dgamma/m)

    Derived step by step in examples/guides/derive_a_network.md.

    Args:
        x: (n, c, h, w) or (n, c).
        gamma: scale (c,) or None for 1.
        beta: shift (c,) or None for 0.
        eps: added to the variance, inside the root; above 0.
        running: (mean, var, momentum), running statistics (c,) and the weight of this batch in the
            new ones, in [0, 1]; None for none.

    Returns:
        (y, mean, var), y like x, mean and biased variance (c,) of the batch, or with `running` the
        running statistics after it (`updated_statistics`); and the pullback
        dy -> (dx, dgamma, dbeta).

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(x)
    axes = (0, *range(2, x.ndim))  # every axis but the channels
    channels = (1, x.shape[1], *(1,) * (x.ndim - 2))
    m = x.shape[0] * math.prod(x.shape[2:])

    mean = xp.mean(x, axis=axes)
    centred = x - xp.reshape(mean, channels)
    var = xp.mean(centred * centred, axis=axes)
    scale = xp.reshape(1.0 / xp.sqrt(var + eps), channels)
    xhat = centred * scale
    y = _affine(xhat, gamma, beta)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dgamma, want_dbeta = wants or (True, True, True)
        sum_dy = xp.sum(dy, axis=axes)
        sum_dy_xhat = xp.sum(dy * xhat, axis=axes)
        dx = None
        if want_dx:
            mean_dy = xp.reshape(sum_dy / m, channels)
            mean_dy_xhat = xp.reshape(sum_dy_xhat / m, channels)
            dx = (dy - mean_dy - xhat * mean_dy_xhat) * scale
            if gamma is not None:
                dx = dx * xp.reshape(gamma, channels)
        dgamma = sum_dy_xhat if want_dgamma and gamma is not None else None
        dbeta = sum_dy if want_dbeta and beta is not None else None
        return dx, dgamma, dbeta

    return (y, *updated_statistics(running, mean, var, m)), pullback


def updated_statistics(
    running: Running | None, mean: Array, var: Array, m: int
) -> tuple[Array, Array]:
    """Return the running statistics after a batch with m values per channel.

        running = (1 - momentum) * running + momentum * batch

    The running variance takes the unbiased one of the batch, m/(m - 1) times the biased one.

    Args:
        running: (mean, var, momentum), or None, which returns those of the batch unchanged.
        mean, var: mean and biased variance of the batch (c,).
        m: at least 2.
    """
    if running is None:
        return mean, var
    old_mean, old_var, new = running
    old = 1.0 - new
    return old * old_mean + new * mean, old * old_var + (new * m / (m - 1)) * var


def batch_norm_inference(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> tuple[Array, Pullback]:
    """Normalise every channel by given statistics, the same for all samples.

        xhat = (x - mean) / sqrt(var + eps)      y = gamma * xhat + beta

    Backward, the statistics being constants:

        dbeta = sum dy      dgamma = sum dy * xhat      dx = gamma * dy / sqrt(var + eps)

    Args:
        x: (n, c, h, w) or (n, c).
        gamma, beta: scale and shift (c,) or None.
        mean, var: statistics (c,), usually the running ones of training.
        eps: added to the variance, inside the root; above 0.

    Returns:
        y like x, and the pullback dy -> (dx, dgamma, dbeta, None, None).

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(x)
    axes = (0, *range(2, x.ndim))
    channels = (1, x.shape[1], *(1,) * (x.ndim - 2))
    scale = xp.reshape(1.0 / xp.sqrt(var + eps), channels)
    xhat = (x - xp.reshape(mean, channels)) * scale
    y = _affine(xhat, gamma, beta)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None, None, None]:
        want_dx, want_dgamma, want_dbeta = (wants or (True, True, True))[:3]
        dx = None
        if want_dx:
            dx = dy * scale if gamma is None else dy * (scale * xp.reshape(gamma, channels))
        dgamma = xp.sum(dy * xhat, axis=axes) if want_dgamma and gamma is not None else None
        dbeta = xp.sum(dy, axis=axes) if want_dbeta and beta is not None else None
        return dx, dgamma, dbeta, None, None

    return y, pullback


def fold_batch_norm(
    w: Array,
    b: Array | None,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> tuple[Array, Array]:
    """Fold a `batch_norm_inference` into the filters and bias of the convolution before it.

    With s = gamma / sqrt(var + eps) and the convolution written as w * x + b:

        gamma (w * x + b - mean) / sqrt(var + eps) + beta = (s w) * x + s (b - mean) + beta

    Not differentiated: returns the filters and the bias alone.

    Args:
        w: filters (f, c/groups, kh, kw).
        b: bias (f,) or None for 0.
        gamma, beta, mean, var: scale, shift and statistics of the normalisation (f,).
        eps: added to the variance, inside the root; above 0.

    Returns:
        s w (f, c/groups, kh, kw) and s (b - mean) + beta (f,), of the dtype of w.

    Kernels: C.
    """
    xp = namespace(w)
    scale = gamma / xp.sqrt(var + eps)
    shift = (0.0 if b is None else b) - mean
    return xp.reshape(scale, (-1, 1, 1, 1)) * w, scale * shift + beta


def _affine(xhat: Array, gamma: Array | None, beta: Array | None) -> Array:
    xp = namespace(xhat)
    channels = (1, xhat.shape[1], *(1,) * (xhat.ndim - 2))
    if gamma is not None:
        xhat = xhat * xp.reshape(gamma, channels)
    if beta is not None:
        xhat = xhat + xp.reshape(beta, channels)
    return xhat
