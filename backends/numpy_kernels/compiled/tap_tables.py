"""Tables for the C kernels: which weight (tap) of a filter lies on which pixel."""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...types import Pair
from ..layout import Array
from ..patches import Patches

Seen = tuple[Array, Array]  # (pixels, taps): whether a tap lies on a pixel, and its index
LONG = np.dtype(ctypes.c_long)
_LONGS = ctypes.POINTER(ctypes.c_long)


class TapTable(ctypes.Structure):
    """`TapTable` of conv.c, which explains the fields."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("c", "h", "w", "kh", "kw", "rows", "columns")),
        *((name, _LONGS) for name in ("row_first", "row_tap", "row_at")),
        ("segments", ctypes.c_long),
        *((name, _LONGS) for name in ("from_", "to", "segment_first", "segment_tap", "segment_at")),
        ("place", _LONGS),
    )


@lru_cache(maxsize=1024)
def over_image(channels: int, patches: Patches) -> Array:
    """Return the table of a convolution over an image, as an argument of a C call."""
    return _table_of(channels, patches.image, patches.size, patches.out, patches, _on_image)


@lru_cache(maxsize=1024)
def over_output(filters: int, patches: Patches) -> Array:
    """Return the table of dx: for each pixel of the image, the taps of all windows over it.

    With a stride, columns that see the same taps lie side by side: dx of 8 images takes 0.5 of the
    time, that of 64 images 0.85 to 1.
    """
    return _table_of(filters, patches.out, patches.size, patches.image, patches, _on_output)


class _Axis(NamedTuple):
    """One axis of `Patches`; `out` is the number of pixels that have taps."""

    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    out: int


def _on_image(a: _Axis) -> Seen:
    """Return which taps of each output pixel lie on the image, and the pixels under them."""
    o, t = np.arange(a.out)[:, None], np.arange(a.taps)
    at = o * a.stride + t * a.dilation - a.before
    return (at >= 0) & (at < a.size), at


def _on_output(a: _Axis) -> Seen:
    """Return which taps lie on each image pixel, and the output pixels that they belong to."""
    i, t = np.arange(a.out)[:, None], np.arange(a.taps)
    at, between = np.divmod(i + a.before - t * a.dilation, a.stride)
    return (between == 0) & (at >= 0) & (at < a.size), at


def _table_of(
    channels: int,
    image: Pair,
    size: Pair,
    out: Pair,
    patches: Patches,
    find: Callable[[_Axis], Seen],
) -> Array:
    down, across = (
        find(_Axis(image[i], size[i], patches.stride[i], patches.dilation[i], sides[0], out[i]))
        for i, sides in enumerate(patches.sides)
    )
    place = np.arange(out[1])
    is_apart = find is _on_output and patches.stride[1] > 1
    if is_apart:  # columns that see the same taps side by side
        place = np.argsort(place % patches.stride[1], kind="stable")
        across = (across[0][place], across[1][place])
    starts = np.flatnonzero(_begins(*across))
    ends = [*starts[1:], out[1]]
    tables = (*_listed(*down), starts, ends, *_listed(*(seen[starts] for seen in across)), place)
    arrays = [np.ascontiguousarray(numbers, LONG) for numbers in tables]
    pointers = [array.ctypes.data_as(_LONGS) for array in arrays]
    last = pointers[8] if is_apart else None
    before = (channels, *image, *size, *out, *pointers[:3], len(starts))
    table = TapTable(*before, *pointers[3:8], last)
    table.kept = arrays  # keeps the arrays alive as long as the pointers to them
    fields: Array = np.frombuffer(memoryview(table), LONG)
    return fields


def _begins(lies: Array, at: Array) -> Array:
    """Return which pixels begin a segment: their taps are not those of the one before, moved."""
    moved = (lies[1:] == lies[:-1]) & ((at[1:] == at[:-1] + 1) | ~lies[1:])
    return np.concatenate([np.ones(min(1, len(lies)), bool), ~moved.all(axis=1)])


def _listed(lies: Array, at: Array) -> tuple[Array, Array, Array]:
    """Return where the taps of each pixel begin, the taps, and the pixels under them."""
    first = np.concatenate([[0], np.cumsum(lies.sum(axis=1))])
    return first, np.nonzero(lies)[1], at[lies]
