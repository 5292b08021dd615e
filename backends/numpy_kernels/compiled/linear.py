"""The dense product in C (dense.c), samples last, as images have them: float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..layout import Array, cotangent
from ..threads import sharing
from .shared_library import Call, serves, vector

MATRIX_PRODUCT = Call("matrix_product", "pppp lllll ll", "dense")
FEW = 8  # samples from which a row of y (o, n) fills a vector; before, a row of y (n, o) does


def dense(x: Array, w: Array, b: Array | None = None) -> Any:
    """Multiply rows of features by a matrix; written as (o, n) = W^T (i, n)."""
    if not serves(x):
        return NotImplemented
    (n, i), o, b = x.shape, w.shape[1], vector(b)
    columns, w = np.ascontiguousarray(x.T), np.ascontiguousarray(w)
    if n < FEW:
        rows_of_y, rows_of_x = np.empty((n, o), x.dtype), np.ascontiguousarray(x)
        MATRIX_PRODUCT(rows_of_x, w, None, rows_of_y, i, 1, n, i, o, 1, 1)
        if b is not None:
            rows_of_y += b
        y = rows_of_y.T
    else:
        y = np.empty((o, n), x.dtype)
        MATRIX_PRODUCT(w, columns, b, y, 1, o, o, i, n, *sharing(o, w.size * n, each=1))

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dy, dx, dw = cotangent(dy, y.T), None, None
        rows = np.ascontiguousarray(dy.T)
        work = sharing(i, w.size * n)
        if want_dx:
            dx = np.empty((i, n), x.dtype)
            MATRIX_PRODUCT(w, rows, None, dx, o, 1, i, o, n, *work)
        if want_dw:
            dw = np.empty((i, o), x.dtype)
            MATRIX_PRODUCT(columns, np.ascontiguousarray(dy), None, dw, n, 1, i, n, o, *work)
        # along memory NumPy adds by pairs, across it one by one, with ten times the rounding error
        db = rows.sum(axis=1) if want_db and b is not None else None
        return None if dx is None else dx.T, dw, db

    return y.T, pullback
