"""Dropout, sums, products, the normalisation of input: the definition of the ops.

Array API functions only; writes into no array; draws no random numbers: dropout takes them as an
argument. Source of dropout: Srivastava et al. 2014, JMLR 15.
"""

from collections.abc import Sequence

from xpcnn.types import Array, Pullback, namespace


def dropout(x: Array, uniform: Array, *, rate: float) -> tuple[Array, Pullback]:
    """Set elements to zero at random; scale the others so that the expected value stays the same.

        y = x * mask      mask = [uniform >= rate] / (1 - rate)

    Backward: dx = dy * mask.

    Args:
        x: any shape.
        uniform: random numbers in [0, 1), float32, in the shape of x.
        rate: probability that an element is dropped, 0 <= rate < 1.

    Returns:
        y like x, and the pullback dy -> (dx, None).

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(x)
    mask = xp.astype(uniform >= rate, x.dtype) * (1.0 / (1.0 - rate))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, None]:
        return (dy * mask if wants is None or wants[0] else None), None

    return x * mask, pullback


def add(x: Array, other: Array) -> tuple[Array, Pullback]:
    """Add two arrays: y = x + other.

    Backward: dx = dother = dy.

    Args:
        x, other: of one shape, any.

    Returns:
        y like x, and the pullback dy -> (dx, dother).

    Kernels: C.
    """

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dx, want_dother = wants or (True, True)
        return (dy if want_dx else None), (dy if want_dother else None)

    return x + other, pullback


def multiply(x: Array, gate: Array) -> tuple[Array, Pullback]:
    """Multiply x by a gate: y = x * gate, where the gate is broadcast along its axes of length 1.

    Backward: dx = dy * gate; dgate = dy * x, summed along the axes of length 1.
    Source of gates: Hu et al. 2017, arXiv:1709.01507 (squeeze and excitation).

    Args:
        x: any shape.
        gate: as many axes as x, each as long as that of x or of length 1, such as (n, c, 1, 1).

    Returns:
        y like x, and the pullback dy -> (dx, dgate).

    Kernels: NumPy calls.
    """
    xp = namespace(x)
    repeated = tuple(a for a, (n, k) in enumerate(zip(x.shape, gate.shape, strict=True)) if k != n)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dx, want_dgate = wants or (True, True)
        dx = dy * gate if want_dx else None
        dgate = None
        if want_dgate:
            dgate = dy * x
            if repeated:
                dgate = xp.sum(dgate, axis=repeated, keepdims=True)
        return dx, dgate

    return x * gate, pullback


def normalise(x: Array, mean: Array, std: Array) -> Array:
    """Scale raw samples to mean 0 and standard deviation 1 per channel: (x - mean) / std.

    There is no pullback: the op is applied to data alone.

    Args:
        x: raw samples (n, c, ...), uint8 or floating.
        mean, std: mean and standard deviation per channel (c,), in the units of x.

    Returns:
        samples in the shape of x and the dtype of `mean`.

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(mean)
    channels = (1, x.shape[1], *(1,) * (x.ndim - 2))
    return (xp.astype(x, mean.dtype) - xp.reshape(mean, channels)) / xp.reshape(std, channels)
