"""Images read between their pixels in C (sampling.c), to the bits of the reference: float32."""

from typing import Any

import numpy as np

from ..layout import Array, batch_last, logical
from ..recording import contiguous
from ..threads import sharing
from .shared_library import Call, serves

BILINEAR = Call("bilinear", "pppo lllll ll")
PLACE = 32  # multiplications that take as long as a place


def bilinear(x: Array, rows: Array, columns: Array) -> Any:
    """Interpolate between pixels."""
    n, c, h, w = x.shape
    if not serves(x) or rows.size == 0:
        return NotImplemented
    y = np.empty((c, *rows.shape), x.dtype)
    places = rows.shape[0] * rows.shape[1]
    where = (contiguous(rows), contiguous(columns))
    work = sharing(places, PLACE * rows.size)
    BILINEAR(batch_last(x), *where, y, c, h, w, n, places, *work)
    return logical(y)
