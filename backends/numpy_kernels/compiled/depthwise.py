"""Depthwise convolution: each channel with one filter, of 3 or 5 rows, in C (depthwise.c).

Time of conv.c over that of this, 64 images, forward and backward, one core with AVX-512 (Zen 4):
1.4 with 3 x 3 filters over 16 x 16 pixels, 1.5 with stride 2 over 32 x 32, 1.7 with 5 x 5 over
16 x 16.
"""

import numpy as np

from ..layout import Array
from ..patches import Patches
from ..recording import contiguous
from ..threads import sharing
from .pointwise import NO_RELU
from .shared_library import Call

DEPTHWISE = Call("depthwise", "ppppo lllllllllllll f ll", "conv2d")
DEPTHWISE_GRADIENTS = Call(DEPTHWISE.name, DEPTHWISE.kinds, "gradients of conv2d")
FORWARD, OF_IMAGE, OF_FILTERS = range(3)
FEW = 8  # images, up to which many rows are computed as one by conv.c


def serves(c: int, n: int, w: Array, patches: Patches) -> bool:
    """Whether n images of c channels and filters w (f, c / groups, kh, kw) are computed here."""
    rows, stride = patches.size[0], patches.stride[0]
    is_depthwise = 1 < c == len(w) and w.shape[1] == 1 and patches.dilation == (1, 1)
    return is_depthwise and n > FEW and rows in (3, 5) and stride <= 2


def convolved(
    image: Array, w: Array, b: Array | None, patches: Patches, y: Array, cap: float
) -> None:
    """Write the convolution of (c, h, w, n) with w (c, 1, kh, kw) and its ReLU, up to cap, to y."""
    arrays = image, contiguous(w), b, None, y
    DEPTHWISE(*arrays, FORWARD, *_sizes(image, y, patches), cap, *_work(w, y))


def image_gradient(dy: Array, w: Array, b: Array | None, patches: Patches, dx: Array) -> None:
    """Write the gradient of the image (c, h, w, n), plus b, into dx, from dy (c, ho, wo, n)."""
    arrays = dy, contiguous(w), b, None, dx
    DEPTHWISE_GRADIENTS(*arrays, OF_IMAGE, *_sizes(dy, dx, patches), NO_RELU, *_work(w, dy))


def filter_gradients(image: Array, dy: Array, w: Array, patches: Patches) -> Array:
    """Return dw and then db as one row."""
    dw_db = np.empty(w.size + len(w), w.dtype)
    arrays = image, None, None, dy, dw_db
    DEPTHWISE_GRADIENTS(*arrays, OF_FILTERS, *_sizes(image, dy, patches), NO_RELU, *_work(w, dy))
    return dw_db


def _sizes(x: Array, y: Array, patches: Patches) -> tuple[int, ...]:
    (top, _), (left, _) = patches.sides
    return *x.shape, *y.shape[1:3], *patches.size, *patches.stride, top, left


def _work(w: Array, y: Array) -> tuple[int, int]:
    return sharing(len(w), w[0].size * y.size)
