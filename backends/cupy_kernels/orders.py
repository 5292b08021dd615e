"""Images between the orders of memory NCHW and NHWC, by `kernels/orders.cu`."""

import numpy

from .cuda import Array, Cuda

SIDE, THREADS = 32, 256  # of orders.cu


def nhwc(cuda: Cuda, x: Array) -> Array:
    """Return images (n, c, h, w) as (n, h, w, c), both in C order."""
    n, c, h, w = x.shape
    return _transposed(cuda, x, (n, h, w, c), c, h * w)


def nchw(cuda: Cuda, x: Array) -> Array:
    """Return images (n, h, w, c) as (n, c, h, w), both in C order."""
    n, h, w, c = x.shape
    return _transposed(cuda, x, (n, c, h, w), h * w, c)


def _transposed(cuda: Cuda, x: Array, shape: tuple[int, ...], rows: int, columns: int) -> Array:
    """Return matrices (n, rows, columns) transposed, in a shape."""
    cuda, x = cuda.like(x), cuda.ordered(x)
    if min(rows, columns) == 1:
        return x.reshape(shape)
    y = cuda.empty(shape)
    blocks = shape[0] * -(-rows // SIDE) * -(-columns // SIDE)
    sizes = numpy.uint32(rows), numpy.uint32(columns)
    cuda.blocks("orders.cu", "transpose", (blocks,), THREADS, x, y, *sizes)
    return y
