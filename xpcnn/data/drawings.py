"""Where something is drawn on a page: the box around what stands out from the ground."""

import numpy as np

from xpcnn.data.reading import INK, border

_FAINT = 32  # of 255: less contrast than this is no drawing

Box = tuple[int, int, int, int]  # left, top, right, bottom


def ground(page: np.ndarray) -> float:
    """Return the level of the ground of a page (h, w): the median of its border."""
    return float(np.median(border(page)))


def box_of_ink(page: np.ndarray, level: float) -> Box | None:
    """Return the box around what stands out from a ground of `level`; None of a blank page.

    page: uint8 (h, w). What stands out differs from the ground by more than a quarter of what
    differs most; where that is less than an eighth of the range, nothing is drawn.
    """
    contrast = np.abs(page - np.float32(level))
    if contrast.max() < _FAINT:
        return None
    ink = contrast > INK * contrast.max()
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
