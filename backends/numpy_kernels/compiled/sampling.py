"""Images of a batch, normalised, and read at other places, in C (sampling.c): float32.

To the bits of the references: batches are the same on every array library.
"""

from typing import Any

import numpy as np

from ..layout import Array, batch_last, logical
from ..memory import aligned_empty
from ..recording import contiguous
from ..threads import sharing
from .pointwise import PASS
from .shared_library import Call, serves, vector

SAMPLE = Call("sample", "ppppo lllll ll ll")
NORMALISE = Call("normalise", "ppppo lllll ll ll")
PLACE = 32  # multiplications that take as long as a place


def bilinear(x: Array, rows: Array, columns: Array) -> Any:
    """Interpolate between pixels."""
    return _read(x, rows.shape[:2], contiguous(rows), contiguous(columns), 0, 0)


def affine(x: Array, maps: Array) -> Any:
    """Carry images by affine maps."""
    return _carried(x, *maps.T, nearest=False)


def mirrored(x: Array, chosen: Array, *, axis: int = 3) -> Any:
    """Mirror some images."""
    one, zero, turn = np.ones_like(chosen), np.zeros_like(chosen), np.where(chosen > 0, -1, 1)
    down, across = (turn, one) if axis == 2 else (one, turn)
    return _carried(x, down, zero, zero, across, zero, zero, nearest=True)


def shifted(x: Array, shifts: Array) -> Any:
    """Shift images by whole pixels."""
    one, zero = np.ones_like(shifts[:, 0]), np.zeros_like(shifts[:, 0])
    return _carried(x, one, zero, zero, one, *shifts.T, nearest=True)


def _carried(x: Array, *maps: Array, nearest: bool) -> Any:
    """Carry images by maps m00, m01, m10, m11, o0, o1; read the nearest pixel, or interpolate."""
    m00, m01, m10, m11, o0, o1 = maps
    h, w = x.shape[2:]
    rows = np.stack([m00, m01, o0 + (h - 1) / 2], dtype=x.dtype, casting="unsafe")
    columns = np.stack([m10, m11, o1 + (w - 1) / 2], dtype=x.dtype, casting="unsafe")
    return _read(x, (h, w), rows, columns, 1, nearest)


def _read(
    x: Array, size: tuple[int, ...], rows: Array, columns: Array, is_map: int, is_nearest: int
) -> Any:
    n, c, h, w = x.shape
    if not serves(x) or rows.size == 0 or h * w * n >= 1 << 31:
        return NotImplemented
    y, places = aligned_empty((c, *size, n), x.dtype), size[0] * size[1]
    work = sharing(places, PLACE * places * n)
    SAMPLE(batch_last(x), rows, columns, None, y, c, h, w, n, places, is_map, is_nearest, *work)
    return logical(y)


def normalise(x: Array, mean: Array, std: Array) -> Any:
    """Normalise images of bytes into batch-last memory."""
    if x.ndim != 4 or x.dtype != np.uint8 or x.size == 0 or not serves(mean):
        return NotImplemented
    n, c, h, w = x.shape
    y = aligned_empty((c, h, w, n), mean.dtype)
    work = sharing(c * h * w, PASS * y.size)
    NORMALISE(None, vector(mean), vector(std), contiguous(x), y, c, h, w, n, h * w, 0, 0, *work)
    return logical(y)
