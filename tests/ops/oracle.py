"""Convolution and pooling by plain Python loops over every number: slow, and hard to get wrong.

Shares nothing with xpcnn: sizes come from walking along the axes, gradients from the same walk.
Host arrays in float64; padding is ((top, bottom), (left, right)).
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy

Host: TypeAlias = numpy.ndarray[Any, Any]
Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
Two: TypeAlias = tuple[int, int]
Tap: TypeAlias = tuple[int, int, int, int]  # row, column of an image; i, j in the window


def same(image: Two, size: Two, stride: Two, dilation: Two) -> Sides:
    """Return the least padding with which a window begins for every stride of the image.

    An odd row or column is at the end.
    """
    both = []
    for n, k, s, d in zip(image, size, stride, dilation, strict=True):
        total = 0
        while len(starts(n, k, s, d, (0, total), False)) < len(range(0, n, s)):
            total += 1
        both.append((total // 2, (total + 1) // 2))
    return both[0], both[1]


def starts(n: int, k: int, stride: int, dilation: int, pad: Two, ceil_mode: bool) -> list[int]:
    """Return where the windows along an axis of n elements start, from -pad[0]."""
    found = []
    start, end = -pad[0], n + pad[1]
    while start + dilation * (k - 1) < end:
        found.append(start)
        start += stride
    covered = start - stride + dilation * (k - 1) + 1
    if ceil_mode and covered < end and start < n:
        found.append(start)  # reaches beyond the padding, but does not start in it
    return found


def windows(
    image: Two, size: Two, stride: Two, dilation: Two, padding: Sides, ceil_mode: bool = False
) -> list[list[list[Tap]]]:
    """Return, for every output pixel [p][q], the taps of its window, in padding and beyond too."""
    rows, columns = (
        starts(image[a], size[a], stride[a], dilation[a], padding[a], ceil_mode) for a in (0, 1)
    )
    return [
        [
            [
                (top + i * dilation[0], left + j * dilation[1], i, j)
                for i in range(size[0])
                for j in range(size[1])
            ]
            for left in columns
        ]
        for top in rows
    ]


def conv2d(
    x: Host, w: Host, b: Host | None, *, stride: Two, padding: Sides, dilation: Two, groups: int
) -> tuple[Host, Callable[[Host], tuple[Host, Host, Host]]]:
    """Return y and the pullback dy -> (dx, dw, db)."""
    n, _, height, width = x.shape
    f, c_group, kh, kw = w.shape
    grid = windows((height, width), (kh, kw), stride, dilation, padding)
    shape = (n, f, len(grid), len(grid[0]))

    def products() -> Iterator[tuple[Any, Any, Any]]:
        """Yield the indices (of y, of x, of w) of every product in every sum."""
        for sample, filter_, p, q in numpy.ndindex(*shape):
            group = filter_ // (f // groups)
            for row, column, i, j in grid[p][q]:
                if 0 <= row < height and 0 <= column < width:
                    for channel in range(c_group):
                        at_x = (sample, group * c_group + channel, row, column)
                        yield (sample, filter_, p, q), at_x, (filter_, channel, i, j)

    y = numpy.zeros(shape)
    for at_y, at_x, at_w in products():
        y[at_y] += x[at_x] * w[at_w]
    if b is not None:
        y += b.reshape(1, f, 1, 1)

    def pullback(dy: Host) -> tuple[Host, Host, Host]:
        dx, dw, db = numpy.zeros(x.shape), numpy.zeros(w.shape), numpy.zeros(f)
        for at_y, at_x, at_w in products():
            dx[at_x] += dy[at_y] * w[at_w]
            dw[at_w] += dy[at_y] * x[at_x]
        for at_y in numpy.ndindex(*shape):
            db[at_y[1]] += dy[at_y]
        return dx, dw, db

    return y, pullback


def max_pool2d(
    x: Host, *, size: Two, stride: Two, padding: Sides, dilation: Two, ceil_mode: bool
) -> tuple[Host, Callable[[Host], Host]]:
    """Return y and the pullback dy -> dx; of equal values the first wins."""
    n, c, height, width = x.shape
    grid = windows((height, width), size, stride, dilation, padding, ceil_mode)
    shape = (n, c, len(grid), len(grid[0]))
    y, winner = numpy.zeros(shape), {}
    for at in numpy.ndindex(*shape):
        sample, channel, p, q = at
        best = -numpy.inf
        for row, column, _, _ in grid[p][q]:
            if 0 <= row < height and 0 <= column < width:
                value = x[sample, channel, row, column]
                if value > best or at not in winner:
                    best, winner[at] = value, (sample, channel, row, column)
        y[at] = best

    def pullback(dy: Host) -> Host:
        dx = numpy.zeros(x.shape)
        for at, place in winner.items():
            dx[place] += dy[at]
        return dx

    return y, pullback


def avg_pool2d(
    x: Host,
    *,
    size: Two,
    stride: Two,
    padding: Sides,
    dilation: Two,
    ceil_mode: bool,
    count_include_pad: bool,
) -> tuple[Host, Callable[[Host], Host]]:
    """Return y and the pullback dy -> dx; what lies beyond the padding never counts."""
    n, c, height, width = x.shape
    (top, bottom), (left, right) = padding if count_include_pad else ((0, 0), (0, 0))
    grid = windows((height, width), size, stride, dilation, padding, ceil_mode)
    shape = (n, c, len(grid), len(grid[0]))

    def shares() -> Iterator[tuple[Any, Any, int]]:
        """Yield the indices (of y, of x) of every summand, with what the sum is divided by."""
        for sample, channel, p, q in numpy.ndindex(*shape):
            counted = sum(
                -top <= row < height + bottom and -left <= column < width + right
                for row, column, _, _ in grid[p][q]
            )
            for row, column, _, _ in grid[p][q]:
                if 0 <= row < height and 0 <= column < width:
                    yield (sample, channel, p, q), (sample, channel, row, column), counted

    y = numpy.zeros(shape)
    for at_y, at_x, counted in shares():
        y[at_y] += x[at_x] / counted

    def pullback(dy: Host) -> Host:
        dx = numpy.zeros(x.shape)
        for at_y, at_x, counted in shares():
            dx[at_x] += dy[at_y] / counted
        return dx

    return y, pullback
