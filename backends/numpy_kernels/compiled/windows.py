"""Windows of pooling along one axis of images, and which numbers each output is computed from."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...geometry import pair, sides
from ..layout import Array
from .resize import Axis, axes
from .shared_library import LONG


class Windows(NamedTuple):
    """`out` windows of k elements over `length` pixels, with others of padding around them."""

    length: int
    out: int
    k: int
    stride: int
    dilation: int
    before: int
    after: int

    def elements(self) -> Iterable[list[tuple[int, int]]]:
        """Yield each window's elements on the image: their numbers, their pixels."""
        for p in range(self.out):
            places = ((i, p * self.stride - self.before + i * self.dilation) for i in range(self.k))
            yield [(i, at) for i, at in places if 0 <= at < self.length]

    def sizes(self, padded: bool) -> Iterable[int]:
        """Yield how many elements of each window a mean counts: with those of the padding?"""
        for p, window in enumerate(self.elements()):
            room = self.length + self.before + self.after - p * self.stride
            yield min(self.k, -(-room // self.dilation)) if padded else len(window)


class Table(NamedTuple):
    """The terms of outputs, as in pool.c: a run for each output, and for those side by side."""

    terms: Array
    each: Array
    runs: Array


@lru_cache(maxsize=1024)
def windows_of(
    image: tuple[int, int], size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Windows, Windows]:
    """Return the windows down and across."""
    step = size if stride is None else stride
    around = sides(padding, image, size, step, dilation)
    found = []
    for axis in zip(image, pair(size), pair(step), pair(dilation), around, strict=True):
        length, k, s, d, (before, after) = axis
        last = length + before + after - d * (k - 1) - 1  # where the last window could start
        out = (-(-last // s) if ceil_mode else last // s) + 1
        if ceil_mode and (out - 1) * s >= length + before:  # it would start in the padding
            out -= 1
        found.append(Windows(length, out, k, s, d, before, after))
    return found[0], found[1]


@lru_cache(maxsize=1024)
def pooled(windows: Windows, stride: int, padded: bool) -> Table:
    """Return the pixels of each window.

    stride: pixels lie in the order 0, stride, 2 stride, ..., then 1, 1 + stride, ...
    padded: whether means count the padding.
    """
    place = {at: k for k, at in enumerate(_order(windows.length, stride))}
    terms = [[(i, place[at]) for i, at in window] for window in windows.elements()]
    return _table(terms, windows.sizes(padded))


@lru_cache(maxsize=1024)
def seen(windows: Windows, stride: int) -> Table:
    """Return the windows that each pixel is in, by their elements; stride: as in `pooled`."""
    terms: list[list[tuple[int, int]]] = [[] for _ in range(windows.length)]
    for p, window in reversed(list(enumerate(windows.elements()))):
        for i, at in window:
            terms[at].append((i, p))
    return _table([terms[at] for at in _order(windows.length, stride)], [1] * windows.length)


@lru_cache(maxsize=1024)
def common_share(down: Windows, across: Windows, padded: bool) -> float | None:
    """Return the share of an element in the mean of its window, None where windows differ in it."""
    sizes = {h * w for h in down.sizes(padded) for w in across.sizes(padded)}
    return 1.0 / sizes.pop() if len(sizes) == 1 else None


@lru_cache(maxsize=1024)
def shares(windows: Windows, padded: bool, share: float | None) -> Axis:
    """Return the table of the gradient of means; share: of an element, None for that of a mean."""
    rows = [
        dict.fromkeys((at for _, at in window), share or 1.0 / size)
        for window, size in zip(windows.elements(), windows.sizes(padded), strict=True)
    ]
    return axes(rows, windows.length)[1]


def _order(length: int, stride: int) -> list[int]:
    return [at for s in range(stride) for at in range(s, length, stride)]


def _table(outputs: list[list[tuple[int, int]]], sizes: Iterable[int]) -> Table:
    each: list[list[int]] = []
    runs: list[list[int]] = []
    first = 0
    for terms, size in zip(outputs, sizes, strict=True):
        end = first + len(terms)
        each.append([1, first, end, size])
        shifted = [(i, at - 1) for i, at in terms]
        if runs and size == each[-2][3] and shifted == outputs[len(each) - 2]:
            runs[-1][0] += 1
        else:
            runs.append(list(each[-1]))
        first = end
    flat = [term for terms in outputs for term in terms]
    return Table(*(np.asarray(rows, LONG) for rows in (flat, each, runs)))
