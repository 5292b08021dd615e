"""Batch normalisation of a batch whose rows are divided among several processes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from xpcnn import ops
from xpcnn.batch_rows import SharedBatch
from xpcnn.types import Array, Pullback, namespace


def shared_batch_norm(
    x: Array, gamma: Array, beta: Array, eps: float, batch: SharedBatch
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Normalise by the mean and variance of the rows of several processes.

    `ops.batch_norm` gives mean_i and var_i of the m_i values per channel at hand. With M values in
    the rows of these processes, and sums over them,

        mean = sum m_i/M mean_i      var = sum m_i/M (var_i + (mean_i - mean)^2)

    in two sums of c numbers, since the difference of large sums would lose digits. Given mean and
    variance, the rest is `ops.batch_norm_inference`. Backward, with s = 1/sqrt(var + eps), s_i
    likewise, and sums over the rows at hand,

        dbeta = sum dy
        dgamma = sum dy * xhat = s (sum dy * xhat_i / s_i + (mean_i - mean) sum dy)

    One sum of 2c numbers over the processes gives A = sum dy / M and B = sum dy * xhat / M:

        dx = gamma s (dy - A) - gamma s B xhat

    as in `ops.batch_norm`. dgamma and dbeta stay those of the rows at hand: the gradients of all
    processes are summed later.

    Args:
        x: the rows of this process, (n, c, h, w) or (n, c).
        gamma, beta: scale and shift (c,).
        eps: added to the variance, inside the root; above 0.
        batch: the rows that are normalised together, and the sum over their processes.

    Returns:
        (y, mean, var), y like x, mean and biased variance of all rows (c,), and the pullback
        dy -> (dx, dgamma, dbeta). dy is the gradient of the loss of the whole batch.
    """
    xp, c, each = namespace(x), x.shape[1], math.prod(x.shape[2:])
    m = batch.total * batch.copies * each
    part = x.shape[0] * each / m
    own_mean, own_var, back = _moments(x, gamma, beta, eps)
    mean = batch.sum(part * own_mean)
    between = own_mean - mean
    var = batch.sum(part * (own_var + between * between))
    root = xp.sqrt(var + eps)
    y, _ = ops.batch_norm_inference(x, gamma, beta, mean, var, eps=eps)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        _, dgamma, dbeta, *_ = back(dy, (False, True, True))
        dgamma = (dgamma * xp.sqrt(own_var + eps) + between * dbeta) / root
        sums = batch.sum(xp.concat([dbeta, dgamma])) / m
        if wants is not None and not wants[0]:
            return None, dgamma, dbeta
        a, b = sums[:c], sums[c:]
        of_dy, _ = ops.batch_norm_inference(dy, gamma, None, a, var, eps=eps)
        of_x, _ = ops.batch_norm_inference(x, gamma * b / root, None, mean, var, eps=eps)
        return of_dy - of_x, dgamma, dbeta

    return (y, mean, var), pullback


def _moments(
    x: Array, gamma: Array, beta: Array, eps: float
) -> tuple[Array, Array, Callable[..., Any]]:
    """Return mean and variance of the rows at hand, and the pullback of their normalisation."""
    xp, (n, c, *size) = namespace(x), x.shape
    if n * math.prod(size) > 1:
        (_, mean, var), back = ops.batch_norm(x, gamma, beta, eps=eps)
        return mean, var, back
    zero = xp.zeros_like(gamma)  # of one value, which `ops.batch_norm` rejects
    return xp.reshape(x, (c,)), zero, lambda dy, wants: (None, zero, xp.reshape(dy, (c,)))
