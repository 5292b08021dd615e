"""The dense product with gradients in C order.

The reference returns dx as a transposed view, which each kernel after it would have to copy.
"""

from collections.abc import Sequence
from typing import Any

from .cuda import Array, Cuda, serves


def dense(cuda: Cuda, x: Array, w: Array, b: Array | None = None) -> Any:
    """Multiply rows of features by a matrix, by CuPy's own products."""
    if not serves(x, w, b):
        return NotImplemented
    y = x @ w
    if b is not None:
        y += b

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dx = dy @ w.T if want_dx else None
        dw = x.T @ dy if want_dw else None
        db = dy.sum(axis=0) if want_db and b is not None else None
        return dx, dw, db

    return y, pullback
