"""Batch-last memory and the geometry of windows."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[int, int]


def batch_last(x: Array) -> Array:
    """Return (n, c, h, w) as contiguous (c, h, w, n); no copy where memory has that order."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def logical(x: Array) -> Array:
    """Return (c, h, w, n) as a view (n, c, h, w)."""
    return x.transpose(3, 0, 1, 2)


def cotangent(dy: Array, y: Array) -> Array:
    """Return dy in the dtype of the output y.

    Raises:
        ValueError: its shape is not that of y.
    """
    if dy.shape != y.shape:
        raise ValueError(f"a cotangent has shape {dy.shape}, the output {y.shape}")
    return dy.astype(y.dtype, copy=False)


def pair(value: Any) -> Pair:
    """Return (rows, columns) of a hyperparameter."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def sides(padding: Any, size: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """Return ((top, bottom), (left, right))."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
        return (total[0] // 2, total[0] - total[0] // 2), (total[1] // 2, total[1] - total[1] // 2)
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    return pair(rows), pair(columns)
