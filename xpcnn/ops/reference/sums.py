"""Sums of many terms, in float32 at least."""

from xpcnn.types import Array, is_half, namespace


def total(x: Array, *, axis: int | tuple[int, ...]) -> Array:
    """Return the sum of x over some axes, in the dtype of x.

    One of half precision is computed in float32 and rounded once: in float16 a running sum of ones
    stays at 2048, and libraries differ in what they accumulate in.
    """
    xp = namespace(x)
    if not is_half(x.dtype):
        return xp.sum(x, axis=axis)
    return xp.astype(xp.sum(x, axis=axis, dtype=xp.float32), x.dtype)
