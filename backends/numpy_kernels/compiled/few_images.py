"""Convolution of a few images and its gradients, many rows at a time (few_images.c): float32.

Time of im2col and one product of matrices over that of these, one image, two cores with AVX-512
(Zen 4): 1.9 for 3 channels of 224 x 224 to 64 with 7 x 7 filters and stride 2; 1.6 for 64 of 56 x
56 to 128 with 3 x 3 filters and stride 2, 1.3 for 256 of 14 x 14 to 512; 1.4 for 3 x 3 filters over
7 x 7 pixels and 512 channels. That of conv.c: 3 to 9 with 3 x 3 filters, stride 1 and 14 x 14
pixels, 1.6 with 56 x 56; with a stride 10 and more. With 8 images and stride 1 it is 0.9, but 2.2
to 2.5 for each channel by itself, y and dx alike. dw: 1.5 to 9 for one image, 1.0 to 2.6 for 8.
"""

from functools import lru_cache
from itertools import product

import numpy as np

from ...types import Pair
from ..layout import Array
from ..patches import Patches
from ..recording import contiguous
from ..threads import sharing
from .pointwise import NO_RELU
from .shared_library import Call
from .tap_tables import LONG

CONV = Call("conv_few_images", "tppppoo fll", "conv2d")
CONV_RELU_POOL = Call(CONV.name, CONV.kinds, "conv_relu_pool")
CONV_DW = Call(CONV.name, CONV.kinds, "gradient of w in conv2d")
FEW = 8  # images, up to which a pixel at a time, as conv.c computes with a stride, is too short
SHORT = 64  # numbers of a row, below which the rows of an image are too short
ENOUGH = 8  # filters of a group, from which planes of the image cost little

_Phase = tuple[int, list[Pair]]


def serves(n: int, width: int, patches: Patches, groups: int) -> bool:
    """Whether to compute y or dx of n images in this way.

    width: pixels of a row of the result.
    """
    short = n == 1 or n * width < SHORT
    return short or (n <= FEW and (groups > 1 or patches.stride != (1, 1)))


def serves_dw(n: int, f: int, patches: Patches) -> bool:
    """Whether to compute dw in this way, of f filters in a group."""
    return n <= FEW or (patches.stride[1] > 1 and f >= ENOUGH)


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
    table = _forward(n, len(image), w.shape[0], w.shape[1], patches, pool)
    call = CONV if pool == (0, 0) else CONV_RELU_POOL
    call(table, image, contiguous(w), b, None, y, winner, cap, *work)


def image_gradient(dy: Array, turned: Array, b: Array | None, patches: Patches, dx: Array) -> None:
    """Write dx (c, h, w, n), plus b, from dy (f, ho, wo, n).

    turned: filters (groups, c, f, kh, kw), c and f of a group.
    """
    (groups, c, f, *_), (_, ho, wo, n) = turned.shape, dy.shape
    work = sharing(len(dx), turned.size * ho * wo * n)
    table = _backward(n, c, f, groups, patches)
    CONV(table, dy, turned, b, None, dx, None, NO_RELU, *work)


def filter_gradients(image: Array, dy: Array, patches: Patches, dw: Array) -> Array:
    """Write dw (f, c, kh, kw), and return it."""
    f, ho, wo, n = dy.shape
    table = _forward(n, len(image), f, dw.shape[1], patches, (0, 0))
    work = sharing(f, dw.size * ho * wo * n)
    CONV_DW(table, image, None, None, dy, dw, None, NO_RELU, *work)
    return dw


@lru_cache(maxsize=1024)
def _forward(n: int, c: int, f: int, c_group: int, patches: Patches, pool: Pair) -> Array:
    """Return the fields of `FewImages` in few_images.c."""
    groups, (ho, wo), taps = c // c_group, patches.out, list[int]()
    reach = [d * (k - 1) for d, k in zip(patches.dilation, patches.size, strict=True)]
    (sh, sw), (dh, dw) = patches.stride, patches.dilation
    down, across = min(sh, reach[0] + 1), min(sw, reach[1] + 1)  # planes that taps see
    tall, wide = ho + reach[0] // sh, wo + reach[1] // sw
    for k, (i, j) in enumerate(product(*map(range, patches.size))):
        plane = i * dh % sh * across + j * dw % sw
        taps += [k, (plane * tall + i * dh // sh) * wide + j * dw // sw]
    (top, _), (left, _) = patches.sides
    planes = (*patches.image, sh, sw, down, across, top, left, tall, wide)
    phase = (0, 0, ho, wo, 0, len(taps) // 2)
    fields = (n, c_group, f // groups, groups, *planes, len(taps) // 2, ho, wo, 1, 1, *pool, 1)
    return np.asarray((*fields, *phase, *taps), LONG)


@lru_cache(maxsize=1024)
def _backward(n: int, c: int, f: int, groups: int, patches: Patches) -> Array:
    """Return the same for the gradient of the image: c channels of a group, from f of dy."""
    fields = zip(*patches, strict=True)
    down, across = ([_phase(r, *axis) for r in range(axis[2])] for axis in fields)
    (top, tall), (left, wide) = _extent(down), _extent(across)
    phases: list[int] = []
    taps: list[int] = []
    for (row, (rows, of_rows)), (column, (columns, of_columns)) in product(
        enumerate(down), enumerate(across)
    ):
        first = len(taps) // 2
        for (i, p), (j, q) in product(of_rows, of_columns):
            taps += [i * patches.size[1] + j, (p + top) * wide + q + left]
        phases += [row, column, rows, columns, first, len(taps) // 2]
    planes = (*patches.out, 1, 1, 1, 1, top, left, tall, wide)
    sizes = (len(taps) // 2, *patches.image, *patches.stride, 0, 0, len(phases) // 6)
    return np.asarray((n, f, c, groups, *planes, *sizes, *phases, *taps), LONG)


def _phase(r: int, length: int, k: int, stride: int, dilation: int, sides: Pair) -> _Phase:
    """Return how many pixels r, r + stride, ... an axis of the image has, and the taps that see
    them, each with the output pixel to which it takes the first of them."""
    places = ((t, divmod(r + sides[0] - t * dilation, stride)) for t in range(k))
    return -(-(length - r) // stride), [(t, at) for t, (at, rest) in places if rest == 0]


def _extent(phases: list[_Phase]) -> Pair:
    """Return how many zeros before an axis of dy all taps need, and its length with zeros."""
    before = max(0, *(-at for _, taps in phases for _, at in taps))
    return before, before + max(n + at for n, taps in phases for at in (0, *(at for _, at in taps)))
