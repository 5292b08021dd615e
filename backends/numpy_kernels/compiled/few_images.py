"""Convolution of a few images, read as one row each (few_images.c, which explains how): float32."""

from functools import lru_cache

import numpy as np

from ...types import Pair
from ..layout import Array
from ..patches import Patches
from ..recording import contiguous
from ..threads import sharing
from .shared_library import Call
from .tap_tables import LONG

CONV = Call("conv_few_images", "tpppoo lll", "conv2d")
FEW = 8  # images, up to which a pixel at a time, as conv.c computes with a stride, is too short
SHORT = 64  # numbers of a row, below which the rows of an image are too short
MOST = 1 << 22  # multiplications, above which threads that share rows are faster


def serves(image: Array, w: Array, patches: Patches) -> bool:
    """Whether to convolve images (c, h, w, n) in this way."""
    n, (ho, wo) = image.shape[3], patches.out
    if patches.stride != (1, 1):
        return bool(n <= FEW)
    return bool(n * wo < SHORT and ho > 1 and w.size * ho * wo * n < MOST)


def convolved(
    image: Array,
    w: Array,
    b: Array | None,
    patches: Patches,
    y: Array,
    *,
    relu: bool = False,
    pool: Pair = (0, 0),
    winner: Array | None = None,
) -> None:
    """Write the convolution of images (c, h, w, n) into y.

    pool: with ReLU and max pooling of such windows; winner: which element of a window it was.
    """
    n, (ho, wo) = image.shape[3], patches.out
    work = sharing(len(w), w.size * ho * wo * n)
    table = _table(n, len(image), w.shape[0], w.shape[1], patches, pool)
    CONV(table, image, contiguous(w), b, y, winner, relu, *work)


@lru_cache(maxsize=1024)
def _table(n: int, c: int, f: int, c_group: int, patches: Patches, pool: Pair) -> Array:
    """Return the fields of `FewImages` in few_images.c."""
    groups, (down, across) = c // c_group, patches.sides
    windows = (*patches.size, *patches.stride, *patches.dilation, *down, *across, *pool)
    return np.asarray((n, c_group, *patches.image, f // groups, groups, *windows), LONG)
