"""The geometry of windows as the kernels read it: `struct Windows` of `kernels/windows.cuh`."""

from functools import cache
from typing import Any

import numpy

FIELDS = ("size", "out", "taps", "stride", "dilation", "before", "after")
AXIS = numpy.dtype([(name, numpy.int32) for name in FIELDS])
WINDOWS = numpy.dtype([("rows", AXIS), ("columns", AXIS)])


def pair(value: Any) -> tuple[int, int]:
    """Return (rows, columns) of a hyperparameter."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


@cache
def windows(
    image: tuple[int, int],
    size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool = False,
) -> numpy.ndarray:
    """Return the struct (0-d, read-only) of windows over an image of (h, w)."""
    axes = zip(image, pair(size), pair(stride), pair(dilation), strict=True)
    rows, columns = (
        _axis(n, k, s, d, around, ceil_mode)
        for (n, k, s, d), around in zip(axes, _sides(padding, size, dilation), strict=True)
    )
    struct = numpy.array((rows, columns), WINDOWS)
    struct.flags.writeable = False
    return struct


def out_shape(x: Any, geometry: numpy.ndarray) -> tuple[int, int, int, int]:
    """Return the shape (n, c, ho, wo) of all windows over x."""
    return (*x.shape[:2], int(geometry["rows"]["out"]), int(geometry["columns"]["out"]))


def _axis(
    n: int, k: int, stride: int, dilation: int, around: tuple[int, int], ceil_mode: bool
) -> tuple[int, ...]:
    before, after = around
    room = n + before + after - dilation * (k - 1) - 1
    out = room // stride + 1
    if ceil_mode and room % stride and out * stride < n + before:
        out += 1  # one more window, which starts in the image or the padding before it
    return n, out, k, stride, dilation, before, after


def _sides(padding: Any, size: Any, dilation: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return ((top, bottom), (left, right))."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(pair(size), pair(dilation), strict=True)]
        return (total[0] // 2, total[0] - total[0] // 2), (total[1] // 2, total[1] - total[1] // 2)
    rows, columns = pair(padding) if isinstance(padding, int) else padding
    return pair(rows), pair(columns)
