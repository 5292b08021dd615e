"""Products of two matrices: CuPy's, which are cuBLAS's, or by `kernels/product.cu`.

By default CuPy's: no GPU has compared their speed. With XPCNN_CUDA_KERNELS=all a training step
calls no cuBLAS, which CuPy refuses while a stream is captured for a CUDA graph. Both sum float16 in
float32; where cuBLAS divides a sum, it may round the parts to float16, and `product.cu` does not.
"""

import numpy

from .cuda import Array, Cuda, struct

ROWS, COLUMNS, DEPTH = 32, 128, 8  # of product.cu
THREADS = 256
ENOUGH_BLOCKS = 256
"""Where the output has fewer tiles, the inner index is divided, so that a large GPU is busy. The
same for every GPU: the bits depend on it. Not measured."""
LEAST_LENGTH = 512
"""Numbers of the inner index that a part has at least, a multiple of DEPTH. Not measured."""
STEPS = numpy.dtype([("row", numpy.uint32), ("column", numpy.uint32)])


def product(cuda: Cuda, a: Array, b: Array) -> Array:
    """Return a (rows, inner) @ b (inner, columns), matrices of the dtype of `cuda`."""
    if not cuda.has_own_products:
        return a @ b
    (rows, inner), columns = a.shape, b.shape[1]
    tiles = -(-rows // ROWS) * -(-columns // COLUMNS)
    length, parts = divided(inner, tiles, rows * columns)
    out = cuda.empty((rows, columns))
    sums = cuda.empty((parts, rows, columns), "float32") if parts > 1 else None
    sizes = map(numpy.uint32, (rows, inner, columns, length))
    matrices = *in_memory(cuda, a), *in_memory(cuda, b)
    cuda.blocks("product.cu", "product", (tiles, parts), THREADS, *sizes, *matrices, sums, out)
    if parts > 1:
        cuda.each("product.cu", "sum_of_parts", out.size, numpy.uint32(parts), sums, out)
    return out


def batched_product(cuda: Cuda, a: Array, b: Array) -> Array:
    """Return the product of two matrices, or the products of as many (count, rows, columns)."""
    if a.ndim == 2:
        return product(cuda, a, b)
    out = cuda.empty((*a.shape[:2], b.shape[2]))
    for i in range(a.shape[0]):
        out[i] = product(cuda, a[i], b[i])
    return out


def divided(inner: int, tiles: int, count: int) -> tuple[int, int]:
    """Return how long the parts of the inner index are, and their number.

    tiles, count: of the output, and its elements.
    """
    most = max(1, min(-(-inner // LEAST_LENGTH), ENOUGH_BLOCKS // tiles, (2**31 - 1) // count))
    length = -(-inner // most)
    length += -length % DEPTH
    return length, -(-inner // length)


def in_memory(cuda: Cuda, x: Array) -> tuple[Array, numpy.ndarray]:
    """Return a matrix as its memory, in C order, and the steps through it, without a copy if it is
    in C order or the transpose of such a matrix."""
    if x.T.flags.c_contiguous:
        return x.T, struct(STEPS, 1, x.shape[0])
    return cuda.ordered(x), struct(STEPS, x.shape[1], 1)
