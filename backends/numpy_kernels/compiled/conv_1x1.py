"""Convolution with 1 x 1 filters and stride 1: products of matrices, pixels being columns.

y (f, pixels) = w (f, c) @ x (c, pixels), and dx = w^T dy, in C (dense.c); dw = dy x^T, a sum over
all pixels, by the BLAS, which takes 0.6 to 0.7 of the time of conv.c for it (64 images, one thread
with AVX-512).
"""

import numpy as np

from ..layout import Array
from ..patches import Patches
from ..recording import contiguous, fill
from ..threads import parallel_for, sharing
from .linear import BY_ROW, MATRIX_PRODUCT
from .pointwise import NO_RELU
from .shared_library import Call

PRODUCT = Call(MATRIX_PRODUCT.name, MATRIX_PRODUCT.kinds, "conv2d")


def serves(patches: Patches) -> bool:
    """Whether filters see one pixel each, and each pixel once."""
    return (patches.size, patches.stride, patches.sides) == ((1, 1), (1, 1), ((0, 0), (0, 0)))


def convolved(image: Array, w: Array, b: Array | None, y: Array, cap: float) -> None:
    """Write the convolution of (c, h, w, n) with w (f, c, 1, 1), and its ReLU up to cap, into y."""
    (f, c), pixels = w.shape[:2], y[0].size
    work = sharing(f, w.size * pixels, each=1)
    PRODUCT(contiguous(w), image, b, y, c, 1, f, c, pixels, BY_ROW, cap, *work)


def image_gradient(dy: Array, w: Array, b: Array | None, dx: Array) -> None:
    """Write the gradient of the image (c, h, w, n), plus b, into dx, from dy (f, h, w, n)."""
    (f, c), pixels = w.shape[:2], dy[0].size
    work = sharing(c, w.size * pixels, each=1)
    PRODUCT(contiguous(w), dy, b, dx, 1, c, c, f, pixels, BY_ROW, NO_RELU, *work)


def filter_gradients(image: Array, dy: Array, parts: Array) -> None:
    """Write dw and then db into the one row of parts."""
    fill(_products, parts, image, dy)


def _products(image: Array, dy: Array, *, out: Array) -> None:
    (f, c), pixels = (len(dy), len(image)), dy[0].size
    of_x, of_y = image.reshape(c, pixels), dy.reshape(f, pixels)
    dw, db = out[0, : f * c].reshape(f, c), out[0, f * c :]

    def rows(start: int, stop: int) -> None:
        np.matmul(of_y[start:stop], of_x.T, out=dw[start:stop])
        np.sum(of_y[start:stop], axis=1, out=db[start:stop])

    parallel_for(rows, f, f * c * pixels // 16)
