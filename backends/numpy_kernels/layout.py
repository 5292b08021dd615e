"""Batch-last memory: (n, c, h, w) as a view of contiguous (c, h, w, n)."""

from .recording import Array, contiguous

__all__ = ["Array", "batch_last", "contiguous", "logical"]


def batch_last(x: Array) -> Array:
    """Return (n, c, h, w) as contiguous (c, h, w, n); no copy where memory has that order."""
    return contiguous(x.transpose(1, 2, 3, 0))


def logical(x: Array) -> Array:
    """Return (c, h, w, n) as a view (n, c, h, w)."""
    return x.transpose(3, 0, 1, 2)
