"""Convolution as a matrix product over patches, by `kernels/patches.cu` and `products.py`.

For filters of more elements than the direct sums of `conv.py` serve. Forward three launches:
im2col, the product, and one that adds the bias, orders the result, and applies ReLU and pooling.
The patches of a batch are made in parts of `MOST_PATCH_BYTES`, and again for the backward pass.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from .cuda import Array, Cuda, struct
from .products import product
from .windows import Windows

MOST_PATCH_BYTES = 2**28
"""Memory of the patches that are made at a time. Not measured."""

FINISH = numpy.dtype(
    [(name, numpy.int32) for name in ("filters", "pool_rows", "pool_columns", "rectify")]
)


def convolve(
    cuda: Cuda,
    x: Array,
    w: Array,
    b: Array | None,
    windows: Windows,
    pool: tuple[int, int],
    *,
    rectify: bool,
    keeps_winner: bool,
) -> Any:
    """Return (y, pullback) of pool(relu(conv(x, w) + b)) without groups; all arrays in C order."""
    n, c = x.shape[:2]
    f, taps = w.shape[0], w[0].size
    kernel = w.reshape(f, taps)
    rule = struct(FINISH, f, *pool, rectify)
    y = cuda.empty((n, f, windows.rows // pool[0], windows.columns // pool[1]))
    winner = cuda.empty(y.shape, "uint8") if keeps_winner else None

    def parts() -> Iterator[tuple[slice, int]]:
        """Yield which samples are done at a time, and the number of their patches."""
        each = windows.rows * windows.columns
        bytes_of_one = numpy.dtype(cuda.dtype).itemsize
        most = max(1, min(MOST_PATCH_BYTES // bytes_of_one, 2**31 - 1) // (each * max(taps, f)))
        for first in range(0, n, most):
            yield slice(first, min(first + most, n)), (min(first + most, n) - first) * each

    def columns_of(samples: slice, patches: int) -> Array:
        """Return the patches of some samples (taps, patches)."""
        columns = cuda.empty((taps, patches))
        given = numpy.int32(c), numpy.uint32(patches), windows.struct
        cuda.each("patches.cu", "im2col", columns.size, x[samples], columns, *given)
        return columns

    for samples, patches in parts():
        out, won = y[samples], None if winner is None else winner[samples]
        sums = product(cuda, kernel, columns_of(samples, patches))
        rest = numpy.uint32(patches), rule, windows.struct
        cuda.each("patches.cu", "finish", out.size, sums, b, out, won, *rest)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        want_db = want_db and b is not None
        if not (want_dx or want_dw or want_db):
            return None, None, None
        dy = cuda.ordered(dy)
        dx, dw, db = cuda.empty(x.shape) if want_dx else None, None, None
        for samples, patches in parts():
            spread = cuda.empty((f, patches))
            held = (None if a is None else a[samples] for a in (y if rectify else None, winner))
            rest = numpy.uint32(patches), rule, windows.struct
            cuda.each("patches.cu", "spread", spread.size, dy[samples], *held, spread, *rest)
            if want_dw:
                part = product(cuda, spread, columns_of(samples, patches).T)
                dw = _sum(dw, part)
            if want_db:
                db = _sum(db, spread.sum(axis=1, dtype="float32"))
            if dx is not None:
                given = numpy.int32(c), numpy.uint32(patches), windows.struct
                own = dx[samples]
                cuda.each(
                    "patches.cu", "col2im", own.size, product(cuda, kernel.T, spread), own, *given
                )
        dw = None if dw is None else dw.astype(cuda.dtype, copy=False).reshape(w.shape)
        return dx, dw, None if db is None else db.astype(cuda.dtype, copy=False)

    return y, pullback


def _sum(total: Array | None, part: Array) -> Array:
    """Return total + part in float32, or only the part if there is no total yet."""
    return part if total is None else total.astype("float32", copy=False) + part
