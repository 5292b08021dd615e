"""Batch-last memory: (n, c, h, w) as a view of contiguous (c, h, w, n)."""

from .recording import Array, contiguous

__all__ = ["Array", "batch_last", "checked_dy", "contiguous", "logical"]


def batch_last(x: Array) -> Array:
    """Return (n, c, h, w) as contiguous (c, h, w, n); no copy where memory has that order."""
    return contiguous(x.transpose(1, 2, 3, 0))


def logical(x: Array) -> Array:
    """Return (c, h, w, n) as a view (n, c, h, w)."""
    return x.transpose(3, 0, 1, 2)


def checked_dy(dy: Array | float, y: Array) -> Array:
    """Return dy, for an output of one number perhaps a Python float, in the dtype of the output y.

    Raises:
        ValueError: its shape is not that of y.
    """
    shape = getattr(dy, "shape", ())  # a plain number has none
    if shape != y.shape:
        raise ValueError(
            f"a pullback got dy of shape {shape}, expected {y.shape}, that of the output y\n"
            "Try: one element of dy for each of y"
        )
    plain: Array = y.dtype.type(dy) if isinstance(dy, int | float) else dy
    return plain.astype(y.dtype, copy=False)
