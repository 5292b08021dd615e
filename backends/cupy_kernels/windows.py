"""The geometry of windows as an argument of kernels: `struct Windows` of `kernels/windows.cuh`."""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy

from ..geometry import pair, sides
from .cuda import as_argument

FIELDS = ("size", "out", "taps", "stride", "dilation", "before", "after")
AXIS = numpy.dtype([(name, numpy.int32) for name in FIELDS])
WINDOWS = numpy.dtype([("rows", AXIS), ("columns", AXIS)])


class Windows(NamedTuple):
    """Windows over an image, and how many there are: the struct as an argument of kernels, and as a
    constant of a source.
    """

    struct: numpy.ndarray
    constant: str
    rows: int
    columns: int


@cache
def windows_over(
    image: tuple[int, int],
    size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool = False,
) -> Windows:
    """Return the windows over an image of (h, w)."""
    axes = zip(image, pair(size), pair(stride), pair(dilation), strict=True)
    both = sides(padding, image, size, stride, dilation)
    rows, columns = (
        _axis(n, k, s, d, around, ceil_mode)
        for (n, k, s, d), around in zip(axes, both, strict=True)
    )
    struct = as_argument(numpy.array((rows, columns), WINDOWS))
    constant = "{" + ", ".join(braced(axis) for axis in (rows, columns)) + "}"
    return Windows(struct, constant, rows[FIELDS.index("out")], columns[FIELDS.index("out")])


def braced(numbers: Iterable[int]) -> str:
    """Return whole numbers as C writes the value of a struct: "{1, 2}"."""
    return "{" + ", ".join(str(int(number)) for number in numbers) + "}"


def _axis(
    n: int, k: int, stride: int, dilation: int, around: tuple[int, int], ceil_mode: bool
) -> tuple[int, ...]:
    before, after = around
    room = n + before + after - dilation * (k - 1) - 1
    out = room // stride + 1
    if ceil_mode and room % stride and out * stride < n + before:
        out += 1  # one more window, which starts in the image or the padding before it
    return n, out, k, stride, dilation, before, after
