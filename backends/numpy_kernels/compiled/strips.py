"""Gradients of large filters with a stride: im2col and products by the BLAS, a strip at a time.

These are NumPy calls (numpy_kernels/conv.py). The sums of conv.c, a vector for each weight, leave
the caches where there are many weights, and with a stride each row adds little to them.

Time of conv.c over that of these, two cores with AVX-512 (Zen 4), 3 x 3 filters with stride 2, 16
and 64 images: 2.0 and 1.6 with 512 channels and filters, images of 14 x 14; 2.1 and 1.8 with 128 of
56 x 56; 1.4 and 1.4 from 64 of 56 x 56 to 128; but 1.0 and 0.7 from 32 of 16 x 16 to 64.
"""

import numpy as np

from .. import conv
from ..layout import Array
from ..patches import Patches
from ..recording import fill

MANY = 1 << 16  # weights


def serves(w: Array, patches: Patches) -> bool:
    """Whether to compute the gradients of filters w (f, c, kh, kw) in this way."""
    return patches.stride != (1, 1) and bool(w.size >= MANY)


def filter_gradients(
    image: Array, dy: Array, w: Array, patches: Patches, parts: Array, *, want_db: bool
) -> None:
    """Write dw and then db, or zeros, into the one row of parts."""
    fill(_sums, parts, image, dy, shape=w.shape, patches=patches, want_db=want_db)


def _sums(
    image: Array, dy: Array, *, out: Array, shape: tuple[int, ...], patches: Patches, want_db: bool
) -> None:
    like = np.empty(shape, dy.dtype)  # only its shape is looked at
    sums = conv.gradients(image, like, dy, patches, (False, True, want_db))
    found = [a.ravel() for a in sums if a is not None]
    if not want_db:
        found.append(np.zeros(len(dy), dy.dtype))
    np.concatenate(found, out=out[0])
