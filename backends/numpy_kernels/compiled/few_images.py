"""Convolution of a few images, many rows at a time (few_images.c, which explains how): float32.

Time of im2col and one product of matrices over that of these, one image, two cores with AVX-512
(Zen 4): 1.9 for 3 channels of 224 x 224 to 64 with 7 x 7 filters and stride 2; 1.6 for 64 of 56 x
56 to 128 with 3 x 3 filters and stride 2, 1.3 for 256 of 14 x 14 to 512; 1.4 for 3 x 3 filters over
7 x 7 pixels and 512 channels. That of conv.c: 3 to 9 with 3 x 3 filters, stride 1 and 14 x 14
pixels, 1.6 with 56 x 56; with a stride 10 and more. With 8 images and stride 1 it is 0.9.
"""

from functools import lru_cache

import numpy as np

from ...types import Pair
from ..layout import Array
from ..patches import Patches
from ..recording import contiguous
from ..threads import sharing
from .pointwise import NO_RELU
from .shared_library import Call
from .tap_tables import LONG

CONV = Call("conv_few_images", "tpppoo fll", "conv2d")
CONV_RELU_POOL = Call(CONV.name, CONV.kinds, "conv_relu_pool")
FEW = 8  # images, up to which a pixel at a time, as conv.c computes with a stride, is too short
SHORT = 64  # numbers of a row, below which the rows of an image are too short


def serves(image: Array, w: Array, patches: Patches) -> bool:
    """Whether to convolve images (c, h, w, n) in this way."""
    n, wo = image.shape[3], patches.out[1]
    if patches.stride != (1, 1):
        return bool(n <= FEW)
    return bool(n == 1 or n * wo < SHORT)


def convolved(
    image: Array,
    w: Array,
    b: Array | None,
    patches: Patches,
    y: Array,
    *,
    cap: float = NO_RELU,
    pool: Pair = (0, 0),
    winner: Array | None = None,
) -> None:
    """Write the convolution of images (c, h, w, n) into y.

    cap: of the ReLU behind it. pool: with ReLU and max pooling of such windows; winner: which
    element of a window it was.
    """
    n, (ho, wo) = image.shape[3], patches.out
    work = sharing(len(w), w.size * ho * wo * n)
    table = _table(n, len(image), w.shape[0], w.shape[1], patches, pool)
    call = CONV if pool == (0, 0) else CONV_RELU_POOL
    call(table, image, contiguous(w), b, y, winner, cap, *work)


@lru_cache(maxsize=1024)
def _table(n: int, c: int, f: int, c_group: int, patches: Patches, pool: Pair) -> Array:
    """Return the fields of `FewImages` in few_images.c."""
    groups, (down, across) = c // c_group, patches.sides
    windows = (*patches.size, *patches.stride, *patches.dilation, *down, *across, *pool)
    return np.asarray((n, c_group, *patches.image, f // groups, groups, *windows), LONG)
