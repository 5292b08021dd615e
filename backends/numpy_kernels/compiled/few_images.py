"""Convolution of a few images with stride 1, read as one row each (conv.c): float32.

The rows of a few images are too short to fill vectors. In a padded image, whose rows follow one
another, a tap of the filter is one offset for all output pixels; the pixels between the end of an
output row and the next are computed too, and left out. Weights meet the zeros of the padding: an
infinite one gives NaN there, as in the reference.
"""

import numpy as np

from ..layout import Array
from ..patches import Patches
from .shared_library import Call
from .tap_tables import one_row

CONV = Call("conv", "ppppp llll ll", "conv2d")
SHORT = 64  # numbers of a row, below which the rows of an image are too short
MOST = 1 << 22  # multiplications, above which threads that share rows are faster


def serves(image: Array, w: Array, patches: Patches) -> bool:
    """Whether to convolve images (c, h, w, n) in this way."""
    n, (ho, wo) = image.shape[3], patches.out
    is_short = n * wo < SHORT and patches.out[0] > 1
    return is_short and patches.stride == (1, 1) and w.size * ho * wo * n < MOST


def convolved(image: Array, w: Array, b: Array | None, patches: Patches, *, relu: bool) -> Array:
    """Return the convolution (f, ho, wo, n); a row of a result is in a wider row of memory."""
    (c, h, width, n), (f, c_group, *_), (ho, wo) = image.shape, w.shape, patches.out
    (top, bottom), (left, right) = patches.sides
    tall, wide = h + top + bottom, width + left + right
    table, beyond = one_row(c_group, patches)
    if (tall, wide, beyond) != (h, width, 0):
        padded = np.zeros((c, tall * wide + beyond, n), image.dtype)
        rows = padded[:, : tall * wide].reshape(c, tall, wide, n)
        rows[:, top : top + h, left : left + width] = image
        image = padded
    y = np.empty((f, ho, wide, n), image.dtype)
    groups = c // c_group
    CONV(table, image, np.ascontiguousarray(w), b, y, n, f // groups, groups, relu, 1, 1)
    return y[:, :, :wo]
