"""Batch normalisation of rows of a batch that several processes compute together."""

import math
from collections.abc import Sequence

from xpcnn import ops
from xpcnn.batch_rows import SharedBatch
from xpcnn.types import Array, Pullback, namespace


def shared_batch_norm(
    x: Array, gamma: Array, beta: Array, eps: float, batch: SharedBatch
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Normalise by the mean and variance of the rows of several processes.

    With M values per channel in the rows of these processes, and sums over them,

        mean = (1/M) sum x      var = (1/M) sum (x - mean)^2

    in two sums of c numbers, since the difference of large sums would lose digits. Given mean and
    variance, the rest is `ops.batch_norm_inference`. Its pullback computes dbeta = sum dy and
    dgamma = sum dy * xhat over the rows at hand, and the part dx' = gamma s dy of dx, where
    s = 1/sqrt(var + eps). One sum of 2c numbers gives the sums over all rows, with which

        dx = dx' - gamma s (sum dy + xhat * sum (dy * xhat)) / M

    as in `ops.batch_norm`. dgamma and dbeta stay those of the rows at hand: the gradients of all
    processes are summed later.

    Args:
        x: the rows of this process, (n, c, h, w) or (n, c).
        gamma, beta: scale and shift (c,).
        eps: added to the variance, inside the root; above 0.
        batch: what is normalised together.

    Returns:
        (y, mean, var), y like x, mean and biased variance of all rows (c,), and the pullback
        dy -> (dx, dgamma, dbeta). dy is the gradient of the loss of the whole batch.
    """
    xp, c = namespace(x), x.shape[1]
    axes = (0, *range(2, x.ndim))
    channels = (1, c, *(1,) * (x.ndim - 2))
    m = batch.total * batch.copies * math.prod(x.shape[2:])
    mean = batch.sum(xp.sum(x, axis=axes)) / m
    centred = x - xp.reshape(mean, channels)
    var = batch.sum(xp.sum(centred * centred, axis=axes)) / m
    y, of_rows = ops.batch_norm_inference(x, gamma, beta, mean, var, eps=eps)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx = (wants or (True,))[0]
        dx, dgamma, dbeta, *_ = of_rows(dy, (want_dx, True, True, False, False))
        sums = batch.sum(xp.concat([dbeta, dgamma])) / m
        if want_dx:
            scale = gamma / xp.sqrt(var + eps)
            shift = xp.reshape(scale * sums[:c], channels)
            slope = xp.reshape(scale * sums[c:] / xp.sqrt(var + eps), channels)
            dx = dx - (shift + (x - xp.reshape(mean, channels)) * slope)
        return dx, dgamma, dbeta

    return (y, mean, var), pullback
