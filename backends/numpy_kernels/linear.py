"""The dense product, its features shared among threads; samples last, as images have them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .layout import Array
from .threads import parallel_for


def dense(x: Array, w: Array, b: Array | None = None) -> Any:
    """Multiply rows of features by a matrix; written as (o, n) = W^T (i, n)."""
    n, o = len(x), w.shape[1]
    columns, y = x.T, np.empty((o, n), x.dtype)
    work = w.size * n // 16  # bytes of a pass over memory that would take as long

    def forward(start: int, stop: int) -> None:
        np.matmul(w.T[start:stop], columns, out=y[start:stop])
        if b is not None:
            y[start:stop] += b[start:stop, None]

    parallel_for(forward, o, work)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dx = np.empty(columns.shape, x.dtype) if want_dx else None
        dw = np.empty_like(w) if want_dw else None

        def backward(start: int, stop: int) -> None:
            if dx is not None:
                np.matmul(w[start:stop], dy.T, out=dx[start:stop])
            if dw is not None:
                np.matmul(columns[start:stop], dy, out=dw[start:stop])

        parallel_for(backward, len(w), work)
        # along memory NumPy adds by pairs, across it one by one, with ten times the rounding error
        db = np.ascontiguousarray(dy.T).sum(axis=1) if want_db and b is not None else None
        return None if dx is None else dx.T, dw, db

    return y.T, pullback
