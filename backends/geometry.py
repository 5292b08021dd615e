"""Hyperparameters of windows per axis, shared by the kernels of all array libraries."""

from typing import Any

from .types import Pair


def pair(value: Any) -> Pair:
    """Return (rows, columns) of a hyperparameter that is one number or a pair."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def sides(padding: Any, image: Pair, size: Any, stride: Any, dilation: Any) -> tuple[Pair, Pair]:
    """Return the padding of an image (h, w) as ((top, bottom), (left, right)).

    "same" makes ceil(h / stride) windows, and puts an odd row or column last.
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        around = []
        for n, k, s, d in zip(image, pair(size), pair(stride), pair(dilation), strict=True):
            total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            around.append((total // 2, total - total // 2))
        return around[0], around[1]
    rows, columns = pair(padding) if isinstance(padding, int) else padding
    return pair(rows), pair(columns)
