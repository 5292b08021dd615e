"""Convolution with 1 x 1 filters and stride 1: products of matrices, pixels being columns.

y (f, pixels) = w (f, c) @ x (c, pixels), and dx = w^T dy, in C (dense.c). dw = dy x^T, a sum over
all pixels, is conv.c's with few filters or channels, and the BLAS's with many weights. Between
them one function in C (conv_1x1.c) computes dx and dw. Time of a step with it over that of one
without it, 64 images, two cores with AVX-512 (Sapphire Rapids):

    filters, channels   one thread   two
    16, 16              1.01         0.92
    16, 128             1.05         0.90
    24, 96              0.99         0.86
    64, 16              0.80         0.78
    128, 64             0.89         0.88
    256, 128            0.85         0.85
    512, 256            0.96         0.92
    512, 512            1.02         1.10
    8, 8                1.22         1.25
    4, 64               1.11         1.01
"""

import numpy as np

from ..layout import Array
from ..patches import Patches
from ..recording import contiguous, fill, summed
from ..threads import parallel_for, sharing
from .linear import BY_ROW, MATRIX_PRODUCT
from .pointwise import NO_RELU
from .shared_library import Call

FILTERS, CHANNELS, WEIGHTS = 8, 16, 1 << 17  # from which, and up to which: `serves_together`
PIXELS = 3  # times the filters, from which threads divide the pixels: see `parts_of`
GRADIENTS = Call("conv_1x1_gradients", "pppoo lllll", "gradients of conv2d")
PRODUCT = Call(MATRIX_PRODUCT.name, MATRIX_PRODUCT.kinds, "conv2d")


def serves(patches: Patches) -> bool:
    """Whether filters see one pixel each, and each pixel once."""
    return (patches.size, patches.stride, patches.sides) == ((1, 1), (1, 1), ((0, 0), (0, 0)))


def serves_together(w: Array, patches: Patches) -> bool:
    """Whether `gradients` computes dx and dw."""
    f, c = w.shape[:2]
    return serves(patches) and f >= FILTERS and c >= CHANNELS and bool(w.size < WEIGHTS)


def convolved(image: Array, w: Array, b: Array | None, y: Array, cap: float) -> None:
    """Write the convolution of (c, h, w, n) with w (f, c, 1, 1), and its ReLU up to cap, into y."""
    (f, c), pixels = w.shape[:2], y[0].size
    work = sharing(f, w.size * pixels)
    PRODUCT(contiguous(w), image, b, y, c, 1, f, c, pixels, BY_ROW, cap, *work)


def image_gradient(dy: Array, w: Array, b: Array | None, dx: Array) -> None:
    """Write the gradient of the image (c, h, w, n), plus b, into dx, from dy (f, h, w, n)."""
    (f, c), pixels = w.shape[:2], dy[0].size
    work = sharing(c, w.size * pixels)
    PRODUCT(contiguous(w), dy, b, dx, 1, c, c, f, pixels, BY_ROW, NO_RELU, *work)


def gradients(image: Array, w: Array, dy: Array, dx: Array | None) -> Array:
    """Return dw and then db as one row; write the gradient of the image into dx, unless None."""
    (f, c), pixels = w.shape[:2], dy[0].size
    pieces, threads = sharing(dy[0, ..., 0].size, w.size * pixels)
    parts = np.empty((pieces, w.size + f), w.dtype)
    GRADIENTS(image, contiguous(w), dy, dx, parts, c, f, pixels, pieces, threads)
    return summed(parts, 0)


def filter_gradients(image: Array, dy: Array, parts: Array, *, want_db: bool) -> None:
    """Write dw and then db, or zeros, of each part of the pixels into a row of parts."""
    fill(_products, parts, image, dy, want_db=want_db)


def parts_of(f: int, pixels: int, threads: int) -> int:
    """Return into how many parts of the pixels the threads divide the sums.

    With one part they divide the filters, and each reads the whole image. That is faster where the
    sums of the parts, which are read and added up, are larger than the image. Many pixels in two
    parts: 0.6 to 0.9 of the time.
    """
    return threads if pixels > PIXELS * f else 1


def _products(image: Array, dy: Array, *, out: Array, want_db: bool) -> None:
    (f, c), pixels, parts = (len(dy), len(image)), dy[0].size, len(out)
    of_x, of_y = image.reshape(c, pixels), dy.reshape(f, pixels)
    dw, db = out[:, : f * c].reshape(parts, f, c), out[:, f * c :]

    def sums(row: int, rows: slice, part: slice) -> None:
        x, y = of_x[:, part], of_y[rows, part]
        if len(y) < c:  # 0.8 to 0.9 of the time, where there are few filters
            dw[row, rows] = (x @ y.T).T
        else:
            np.matmul(y, x.T, out=dw[row, rows])
        if want_db:
            np.sum(y, axis=1, out=db[row, rows])
        else:
            db[row, rows] = 0

    def of_rows(start: int, stop: int) -> None:
        sums(0, slice(start, stop), slice(None))

    def of_parts(start: int, stop: int) -> None:
        for k in range(start, stop):
            sums(k, slice(None), slice(pixels * k // parts, pixels * (k + 1) // parts))

    work = f * c * pixels // 16
    parallel_for(of_rows, f, work) if parts == 1 else parallel_for(of_parts, parts, work)
