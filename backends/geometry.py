"""Hyperparameters of windows per axis, shared by the kernels of all array libraries."""

from typing import Any

from .types import Pair


def pair(value: Any) -> Pair:
    """Return (rows, columns) of a hyperparameter that is one number or a pair."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def sides(padding: Any, size: Any, dilation: Any) -> tuple[Pair, Pair]:
    """Return padding as ((top, bottom), (left, right)); "same" puts an odd row or column last."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(pair(size), pair(dilation), strict=True)]
        return (total[0] // 2, total[0] - total[0] // 2), (total[1] // 2, total[1] - total[1] // 2)
    rows, columns = pair(padding) if isinstance(padding, int) else padding
    return pair(rows), pair(columns)
