"""The dense product in C (dense.c), samples last, as images have them: float32."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..layout import Array
from ..recording import contiguous, summed
from ..threads import sharing
from .pointwise import NO_RELU
from .shared_library import Call, serves, vector

MATRIX_PRODUCT = Call("matrix_product", "pppo lllll lf ll", "dense")
FEW = 8  # samples from which a row of y (o, n) fills a vector; before, a row of y (n, o) does
BY_ROW, BY_COLUMN, BY_TERM = 0, 1, 2  # what threads share; the bias is by column or by row
WHOLE = 64  # columns of which threads share no part
DEEP = 32
"""How many times as many numbers w and x have as y, for threads to share the terms of each sum.

Each thread then reads only the rows of w and x whose gradients it computes. A training step of
`sigmoid-binary` takes 0.84 (256 images) or 0.71 (64) of the time on two cores without a common
cache, and as long as before on two with one.
"""


def dense(x: Array, w: Array, b: Array | None = None) -> Any:
    """Multiply rows of features by a matrix; written as (o, n) = W^T (i, n)."""
    if not serves(x):
        return NotImplemented
    (n, i), o, b = x.shape, w.shape[1], vector(b)
    w = contiguous(w)
    if n < FEW:
        if not (x.flags.c_contiguous or x.flags.f_contiguous):
            x = contiguous(x)
        work = sharing(-(-o // WHOLE), w.size * n)
        down, across = (stride // x.itemsize for stride in x.strides)
        rows = np.empty((n, o), x.dtype)
        MATRIX_PRODUCT(x, w, b, rows, down, across, n, i, o, BY_COLUMN, NO_RELU, *work)
        y = rows.T
    else:
        columns, (pieces, threads) = contiguous(x.T), sharing(o, w.size * n)
        share = BY_TERM if pieces > 1 and i * (o + n) >= DEEP * o * n else BY_ROW
        y = np.empty((pieces, o, n) if share == BY_TERM else (o, n), x.dtype)
        MATRIX_PRODUCT(w, columns, b, y, 1, o, o, i, n, share, NO_RELU, pieces, threads)
        if share == BY_TERM:
            y = summed(y, 0)
        x = columns.T

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dx = dw = db = None
        rows = contiguous(dy.T)
        work = sharing(i, w.size * n)
        if want_dx:
            dx = np.empty((i, n), x.dtype)
            MATRIX_PRODUCT(w, rows, None, dx, o, 1, i, o, n, BY_ROW, NO_RELU, *work)
        if want_dw:
            dw, columns = np.empty((i, o), x.dtype), contiguous(x.T)
            dy = contiguous(dy)
            MATRIX_PRODUCT(columns, dy, None, dw, n, 1, i, n, o, BY_ROW, NO_RELU, *work)
        if want_db and b is not None:
            db = np.empty(o, x.dtype)
            sizes = n, 1, 1, n, o, BY_COLUMN, NO_RELU, 1, 1
            MATRIX_PRODUCT(_ones(n), contiguous(dy), None, db, *sizes)
        return None if dx is None else dx.T, dw, db

    return y.T, pullback


@lru_cache(maxsize=64)
def _ones(n: int) -> Array:
    """Return a row whose product with a matrix is the sums of its columns."""
    ones = np.ones(n, "float32")
    ones.flags.writeable = False
    return ones
