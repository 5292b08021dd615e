"""The dense layer: small products by `kernels/dense.cu`, larger ones by `products.py`.

Gradients are in C order: the reference returns dx as a transposed view, which each kernel after it
would have to copy.
"""

from collections.abc import Sequence
from typing import Any

import numpy

from .cuda import Array, Cuda, serves_half
from .products import in_memory, product

TILE = 16  # of dense.cu
MOST_INNER, MOST_PRODUCTS = 256, 2**22
"""Numbers that are added up for an element, and multiplications of a product, by the kernel; above,
other products are expected to be faster. Not measured."""
MOST_ROWS = 65535 * TILE  # of a grid


def dense(cuda: Cuda, x: Array, w: Array, b: Array | None = None) -> Any:
    """Multiply rows of features by a matrix; small: one launch with the bias, one for dw and db."""
    if not serves_half(x, w, b):
        return NotImplemented
    cuda = cuda.like(x)
    y = _small_product(cuda, x, w, bias=b)
    if y is None:
        y = product(cuda, x, w)
        if b is not None:
            y += b

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        want_db = want_db and b is not None
        dx = dw = db = None
        if want_dx:
            dx = _small_product(cuda, dy, w.T)
            dx = product(cuda, dy, w.T) if dx is None else dx
        if want_dw:
            sums = None if b is None or not want_db else cuda.empty(b.shape)
            dw = _small_product(cuda, x.T, dy, sums=sums)
            db = None if dw is None else sums
            dw = product(cuda, x.T, dy) if dw is None else dw
        if want_db and db is None:
            db = dy.sum(axis=0, dtype="float32").astype(cuda.dtype, copy=False)
        return dx, dw, db

    return y, pullback


def _small_product(
    cuda: Cuda, a: Array, b: Array, *, bias: Array | None = None, sums: Array | None = None
) -> Array | None:
    """Return a @ b + bias in one launch, or None where it is large; sums: of b's columns."""
    (rows, inner), columns = a.shape, b.shape[1]
    is_large = inner > MOST_INNER or rows * inner * columns > MOST_PRODUCTS
    if is_large or rows > MOST_ROWS:
        return None
    out = cuda.empty((rows, columns))
    grid = -(-columns // TILE), -(-rows // TILE)
    sizes = map(numpy.uint32, (rows, inner, columns))
    matrices = *in_memory(cuda, a), *in_memory(cuda, b)
    cuda.blocks("dense.cu", "small_product", grid, TILE**2, *sizes, *matrices, bias, out, sums)
    return out
