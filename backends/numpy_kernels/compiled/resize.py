"""Upsampling, adaptive means and copies of some columns of images in C (resize.c): float32."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...geometry import pair
from ..layout import Array, batch_last, logical
from ..threads import sharing
from .pointwise import PASS
from .shared_library import LONG, Call, serves

RESIZE = Call("resize", "po llttt llttt llll")


class Axis(NamedTuple):
    """Which of `size` inputs each of `out` outputs is a sum of, and their weights."""

    size: int
    out: int
    first: Array
    at: Array
    weight: Array


def upsample2d(x: Array, *, size: Any, mode: str = "nearest") -> Any:
    """Resize images by their nearest pixels or by straight lines."""
    return _resized(x, pair(size), mode)


def adaptive_avg_pool2d(x: Array, *, size: Any) -> Any:
    """Take the mean of every window, with as many windows as the output has pixels."""
    return _resized(x, pair(size), "mean")


def _resized(x: Array, size: tuple[int, int], way: str) -> Any:
    if not serves(x):
        return NotImplemented
    lengths = zip(x.shape[2:], size, strict=True)
    down, across = (axis_of(*axis, way) for axis in lengths)
    y = mixed(batch_last(x), down[0], across[0])

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (logical(mixed(batch_last(dy), down[1], across[1])),)

    return logical(y), pullback


def mixed(x: Array, down: Axis, across: Axis) -> Array:
    c, n = x.shape[0], x.shape[3]
    y = np.empty((c, down.out, across.out, n), x.dtype)
    work = sharing(c * down.out, PASS * max(x.size, y.size))
    RESIZE(x, y, *down, *across, n, c, *work)
    return y


def every(x: Array, stride: tuple[int, int]) -> Array:
    """Return the rows and columns 0, stride, 2 stride, ... of images (c, h, w, n)."""
    return mixed(x, *(_every(*axis)[0] for axis in zip(x.shape[1:3], stride, strict=True)))


def spread(x: Array, stride: tuple[int, int], size: tuple[int, int]) -> Array:
    """Return images of a size with x at the rows and columns 0, stride, ... and zeros elsewhere."""
    return mixed(x, *(_every(*axis)[1] for axis in zip(size, stride, strict=True)))


@lru_cache(maxsize=1024)
def _every(length: int, step: int) -> tuple[Axis, Axis]:
    """Return the tables of the pixels 0, step, 2 step, ... of an axis, and of the gradient."""
    return axes([{p: 1.0} for p in range(0, length, step)], length)


@lru_cache(maxsize=1024)
def axis_of(length: int, size: int, way: str) -> tuple[Axis, Axis]:
    """Return the tables from `length` pixels to `size` of them, and that of the gradient.

    way: "nearest", "bilinear" or "mean", as `reference/upsample.py` and `adaptive.py` define them.
    """
    rows: list[dict[int, float]] = []
    for p in range(size):
        if way == "nearest":
            rows.append({p * length // size: 1.0})
        elif way == "mean":
            window = range(p * length // size, -(-(p + 1) * length // size))
            rows.append(dict.fromkeys(window, 1.0 / len(window)))
        else:
            place = min(max((p + 0.5) * length / size - 0.5, 0.0), length - 1.0)
            r = math.floor(place)
            weights = {r: 1.0 - (place - r), r + 1: place - r}
            rows.append({at: weight for at, weight in weights.items() if weight > 0.0})
    return axes(rows, length)


def axes(rows: list[dict[int, float]], length: int) -> tuple[Axis, Axis]:
    """Return the tables of sums of `length` pixels, and that of the gradient."""
    back: list[dict[int, float]] = [{} for _ in range(length)]
    for p, row in enumerate(rows):
        for at, weight in row.items():
            back[at][p] = weight
    return _axis(rows, length), _axis(back, len(rows))


def _axis(rows: list[dict[int, float]], size: int) -> Axis:
    entries = [entry for row in rows for entry in row.items()]
    first = np.cumsum([0, *map(len, rows)])
    at, weight = ([entry[k] for entry in entries] for k in (0, 1))
    tables = first.astype(LONG), np.asarray(at, LONG), np.asarray(weight, "float64")
    return Axis(size, len(rows), *tables)
