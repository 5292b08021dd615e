"""The sums that a training step updates: the definition of the ops. Not differentiated.

Array API functions only; writes into no array, reads no value.
"""

from xpcnn.types import Array, namespace


def count_equal(x: Array, other: Array) -> Array:
    """Return how many elements of two arrays are equal: 0-d int64, on their device.

    Args:
        x, other: whole numbers, of one shape.

    Kernels: NumPy calls, CUDA.
    """
    xp = namespace(x)
    return xp.sum(xp.astype(x == other, xp.int64))


def tally(
    loss_sum: Array, hits: Array, finite: Array, loss: Array, right: Array, *, samples: int
) -> tuple[Array, Array, Array]:
    """Return the sums of an epoch after one more batch, from those before it.

        loss_sum + samples * loss      hits + right      finite and isfinite(loss)

    Args:
        loss_sum, hits, finite: the sums, 0-d: floating, int64, bool.
        loss: mean loss of the batch, 0-d, of the dtype of loss_sum.
        right: how many of its samples are right, 0-d int64.
        samples: of the batch.

    Kernels: NumPy calls, CUDA.
    """
    xp = namespace(loss)
    is_finite = xp.logical_and(finite, xp.isfinite(loss))
    return loss_sum + loss * samples, hits + right, is_finite
