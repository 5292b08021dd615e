"""Convolution with 3 x 3 filters and stride 1 by Winograd's F(4x4, 3x3) (winograd_conv.c,
winograd_dw.c): a quarter of the multiplications, about two and a half times the rounding error.

`XPCNN_WINOGRAD=off` leaves these convolutions to direct.py.

Time of the direct kernels over that of these, 64 images, two cores with AVX-512 (Zen 4), for y, dx
and dw: 0.8, 0.6, 0.9 with 3 channels and 32 filters; 1.9, 1.5, 3.2 with 16 and 16, images of
32 x 32; with 32 and 32 1.4, 1.6, 2.4 for images of 7 x 7, 1.0, 1.2, 1.6 for 6 x 6, where 36 of the
64 outputs of the tiles are used, but 0.7, 0.9, 1.7 for 5 x 5, where 25 are. With 8 channels and 8
filters it is 1.7, 1.2, 1.3, but there the direct kernels' sums are short and exact.

Of a few images, that of direct.py over that of these is 1.4 to 2.0 for 64 channels of 56 x 56
and 128 of 28 x 28, with 1 to 4 images; 0.8 and 1.7 with 1 and 4 images of 256 channels of 14 x 14,
which are 16 and 64 tiles; 0.2 and 0.8 with 512 of 7 x 7, which are 4 and 16 tiles; 0.6 to 0.9 with
16 channels of 32 x 32. Pooled in their tiles, it is 1.2 with 16 channels of 14 x 14 and one image.
"""

import os
from functools import lru_cache

import numpy as np

from ..layout import Array
from ..patches import Patches
from ..recording import contiguous
from ..threads import sharing
from .pointwise import NO_RELU
from .shared_library import LONG, Call

CONV = Call("winograd_conv", "tpppoo llllf ll", "conv2d")
DW = Call("winograd_dw", "tppo ll ll", "gradient of w in conv2d")

LEAST = 16  # channels and filters
TILE, SEEN = 4, 6  # outputs of a tile along an axis, and the pixels that they see
TILES, CHANNELS = 32, 32  # of a few images, see `pays`


def is_on() -> bool:
    """Whether XPCNN_WINOGRAD leaves Winograd's algorithm on.

    Raises:
        ValueError: it is neither `on` nor `off`.
    """
    given = os.environ.get("XPCNN_WINOGRAD") or "on"
    if given not in ("on", "off"):
        raise ValueError(f"XPCNN_WINOGRAD is {given!r}, expected 'on' or 'off'")
    return given == "on"


def serves(w: Array, patches: Patches, out: tuple[int, int]) -> bool:
    """Whether to compute a convolution, or its gradient, of an output of `out` by tiles."""
    if w.shape[2:] != (3, 3) or patches.stride != (1, 1) or patches.dilation != (1, 1):
        return False
    covered = [-(-size // TILE) * TILE for size in out]
    is_used = 2 * out[0] * out[1] >= covered[0] * covered[1]
    return min(w.shape[:2]) >= LEAST and is_used and is_on()


def pays(w: Array, patches: Patches, n: int) -> bool:
    """Whether a few images have enough tiles for two threads, and channels for the transforms."""
    down, across = (-(-size // TILE) for size in patches.out)
    return bool(down * across * n >= TILES and min(w.shape[:2]) >= CHANNELS)


def convolved(
    image: Array,
    w: Array,
    b: Array | None,
    patches: Patches,
    y: Array,
    *,
    cap: float = NO_RELU,
    pooled: bool = False,
    winner: Array | None = None,
) -> None:
    """Write the convolution of (c, h, w, n) into y.

    cap: of the ReLU behind it. pooled: with ReLU and max pooling of 2 x 2; winner: which element
    of a window it was.
    """
    (top, _), (left, _) = patches.sides
    (f, c, *_), (ho, wo), n = w.shape, patches.out, image.shape[3]
    work = sharing(y[0].size, w.size * ho * wo * n)
    planes = _planes(image.shape, y.shape, top, left, TILE // 2 if pooled else TILE)
    CONV(planes, image, contiguous(w), b, y, winner, c, f, False, pooled, cap, *work)


def image_gradient(dy: Array, w: Array, b: Array | None, patches: Patches, dx: Array) -> None:
    """Write the gradient of the image (c, h, w, n), plus b, into dx, from dy (f, ho, wo, n)."""
    (top, _), (left, _) = patches.sides
    (f, ho, wo, n), c = dy.shape, len(dx)
    work = sharing(dx[0].size, w.size * ho * wo * n)
    planes = _planes(dy.shape, dx.shape, 2 - top, 2 - left)
    CONV(planes, dy, contiguous(w), b, dx, None, f, c, True, False, NO_RELU, *work)


def filter_gradients(image: Array, dy: Array, patches: Patches, parts: Array, threads: int) -> None:
    """Write dw and then db of each piece of the tiles into the rows of parts."""
    (top, _), (left, _) = patches.sides
    planes = _planes(image.shape, dy.shape, top, left)
    DW(planes, image, dy, parts, len(image), len(dy), len(parts), threads)


@lru_cache(maxsize=1024)
def _planes(
    image: tuple[int, ...], out: tuple[int, ...], top: int, left: int, side: int = TILE
) -> Array:
    """Return the fields of `Plane` in winograd_places.h of the input and of the output.

    image, out: (channels, h, w, n). top, left: padding, negative for pixels that are left out.
    side: outputs of a tile that are written.
    """
    (_, *seen), (_, *written) = image, out
    tiles = [-(-length // side) for length in written[:2]]
    fields = (*seen, top, left, TILE, SEEN, *tiles), (*written, 0, 0, side, side, *tiles)
    return np.asarray(fields, LONG)
