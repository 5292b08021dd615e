"""The tables by which the C kernels walk: which tap of a filter lies on which pixel."""

import ctypes
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from ..layout import Pair
from ..patches import Patches

Taps = list[tuple[int, int]]  # (tap of the filter, pixel that it lies on)
LONG = np.dtype(ctypes.c_long)
_LONGS = ctypes.POINTER(ctypes.c_long)


class Windows(ctypes.Structure):
    """`Windows` of conv.c, which says what each means."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("c", "h", "w", "kh", "kw", "rows", "columns")),
        *((name, _LONGS) for name in ("row_first", "row_tap", "row_at")),
        ("runs", ctypes.c_long),
        *((name, _LONGS) for name in ("from_", "to", "run_first", "run_tap", "run_at")),
    )


@lru_cache(maxsize=1024)
def over_image(channels: int, patches: Patches) -> Any:
    """Return the windows of a convolution over an image, as an argument of a C call."""
    return _windows(channels, patches.image, patches.size, patches.out, patches, _on_image)


@lru_cache(maxsize=1024)
def over_output(filters: int, patches: Patches) -> Any:
    """Return, for each pixel of the image, the windows over it, of all filters: those of dx."""
    return _windows(filters, patches.out, patches.size, patches.image, patches, _on_output)


class _Axis(NamedTuple):
    """One axis of `Patches`; `out` is the number of pixels that have taps."""

    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    out: int


def _on_image(a: _Axis) -> list[Taps]:
    """Return for each output pixel the taps on the image, and the pixels under them."""
    pixels = [
        [(t, o * a.stride + t * a.dilation - a.before) for t in range(a.taps)] for o in range(a.out)
    ]
    return [[(t, i) for t, i in taps if 0 <= i < a.size] for taps in pixels]


def _on_output(a: _Axis) -> list[Taps]:
    """Return for each image pixel the taps that lie on it, and the output pixels they belong to."""
    found = [[(t, i + a.before - t * a.dilation) for t in range(a.taps)] for i in range(a.out)]
    return [
        [(t, o // a.stride) for t, o in taps if o % a.stride == 0 and 0 <= o < a.size * a.stride]
        for taps in found
    ]


def _windows(
    channels: int,
    image: Pair,
    size: Pair,
    out: Pair,
    patches: Patches,
    find: Callable[[_Axis], list[Taps]],
) -> Any:
    down, across = (
        find(_Axis(image[i], size[i], patches.stride[i], patches.dilation[i], sides[0], out[i]))
        for i, sides in enumerate(patches.sides)
    )
    starts = [o for o in range(out[1]) if o == 0 or not _continues(across[o - 1], across[o])]
    arrays = [
        np.asarray(numbers, LONG)
        for numbers in (
            *_table(down),
            starts,
            [*starts[1:], out[1]],
            *_table([across[o] for o in starts]),
        )
    ]
    pointers = [array.ctypes.data_as(_LONGS) for array in arrays]
    windows = Windows(channels, *image, *size, *out, *pointers[:3], len(starts), *pointers[3:])
    windows.kept = arrays  # alive as long as the pointers to them
    return ctypes.byref(windows)


def _continues(before: Taps, here: Taps) -> bool:
    """Whether a pixel sees the taps of the one before it, each one pixel further."""
    return [(t, i + 1) for t, i in before] == here


def _table(taps: list[Taps]) -> tuple[list[int], list[int], list[int]]:
    """Return where the taps of each pixel begin, the taps, and the pixels under them."""
    flat = [tap for some in taps for tap in some]
    return [0, *accumulate(map(len, taps))], [t for t, _ in flat], [i for _, i in flat]
