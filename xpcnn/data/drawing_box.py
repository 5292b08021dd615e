"""The box around a drawing on a page: around what stands out from the background."""

import numpy as np

from xpcnn.data.reading import INK, border

_CLEAR = 32  # of 255: from this contrast on, a single pixel is a drawing
_FAINT = 16  # of 255: from this contrast on, a spot of 3 x 3 pixels is one; noise makes no spots

Box = tuple[int, int, int, int]  # left, top, right, bottom


def ground(page: np.ndarray) -> float:
    """Return the level of the ground of a page (h, w): the median of its border."""
    return float(np.median(border(page)))


def box_of_ink(page: np.ndarray, level: float) -> Box | None:
    """Return the box around what stands out from a ground of `level`; None for a blank page.

    page: uint8 (h, w). What stands out differs from the ground by more than a quarter of what
    differs most. Where that is less than an eighth of the range, spots of 3 x 3 pixels stand out
    that differ by a sixteenth of the range or more, and without any, nothing is drawn.
    """
    contrast = np.abs(page - np.float32(level))
    if contrast.max() >= _CLEAR:
        ink = contrast > INK * contrast.max()
    else:
        ink = _spots(contrast >= _FAINT)
    if not ink.any():
        return None
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _spots(marked: np.ndarray) -> np.ndarray:
    """Return the marked pixels (h, w) that lie in a square of 3 x 3 marked ones."""
    inner = np.pad(marked, 2)  # no square reaches beyond the page
    for axis in (0, 1):  # centres of squares: (h + 2, w + 2)
        inner = np.asarray(_windows(inner, axis).all(axis=-1))
    for axis in (0, 1):
        inner = np.asarray(_windows(inner, axis).any(axis=-1))
    return inner


def _windows(x: np.ndarray, axis: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(x, 3, axis=axis)
