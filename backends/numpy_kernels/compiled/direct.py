"""The direct convolution and its gradients (conv.c): float32.

Rows of few images are computed in bands, many rows as one. Two cores with AVX-512 (Zen 4):

    time of im2col and one product of matrices over that of bands, one image
        3 channels of 224 x 224 to 64, 7 x 7 filters, stride 2           1.9
        64 channels of 56 x 56 to 128, 3 x 3 filters, stride 2           1.6
        256 channels of 14 x 14 to 512, 3 x 3 filters, stride 2          1.3
        512 channels of 7 x 7, 3 x 3 filters                             1.4
    time of rows one by one over that of bands
        one image, 3 x 3 filters, stride 1, 14 x 14 pixels               3 to 9
        one image, 3 x 3 filters, stride 1, 56 x 56 pixels               1.6
        one image, 3 x 3 filters, with a stride                          10 and more
        8 images, stride 1                                               0.9
        8 images, stride 1, each channel by itself, y and dx alike       2.2 to 2.5
        64 images                                                        0.6 to 1.0

For y with a stride, 64 images, planes take 1.15 to 1.35 times as long as rows. dw by the sums of
several rows at once takes 0.4 to 0.75 of the time for one image, 0.8 to 1.0 for 8.
"""

from functools import lru_cache
from itertools import product

import numpy as np

from ...types import Pair
from ..layout import Array
from ..patches import Patches
from ..recording import contiguous, summed
from ..threads import sharing
from .pointwise import NO_RELU
from .shared_library import LONG, Call

CONV = Call("conv", "tppppooo fl ll", "conv2d")
CONV_RELU_POOL = Call(CONV.name, CONV.kinds, "conv_relu_pool")
CONV_DW = Call(CONV.name, CONV.kinds, "gradient of w in conv2d")
FEW = 8  # images, up to which bands are faster with a stride, in groups, and for dw
SHORT = 64  # numbers of a row, below which rows are short
ENOUGH = 8  # filters of a group, from which planes of the image cost little

_Phase = tuple[int, list[Pair]]
_Taps = list[tuple[int, int, int, int]]


def in_bands(n: int, width: int, patches: Patches, groups: int) -> bool:
    """Whether to compute rows of y or dx, of `width` pixels of n images, many as one."""
    short = n == 1 or n * width < SHORT
    return short or (n <= FEW and (groups > 1 or patches.stride != (1, 1)))


def convolved(
    image: Array,
    w: Array,
    b: Array | None,
    patches: Patches,
    y: Array,
    *,
    cap: float = NO_RELU,
    pool: Pair = (1, 1),
    winner: Array | None = None,
) -> None:
    """Write the convolution of images (c, h, w, n) into y.

    cap: of the ReLU behind it. pool: with ReLU and max pooling of such windows; winner: which
    element of a window it was.
    """
    n, (ho, wo), groups = image.shape[3], patches.out, len(image) // w.shape[1]
    bands = in_bands(n, wo, patches, groups)
    table = _forward(n, len(image), w.shape[0], w.shape[1], patches, pool, bands, bands)
    work = sharing(max(groups, len(w) if bands else ho // pool[0]), w.size * ho * wo * n)
    call = CONV if pool == (1, 1) else CONV_RELU_POOL
    call(table, image, contiguous(w), b, None, y, None, winner, cap, False, *work)


def image_gradient(dy: Array, turned: Array, b: Array | None, patches: Patches, dx: Array) -> None:
    """Write dx (c, h, w, n), plus b, from dy (f, ho, wo, n).

    turned: filters (groups, c, f, kh, kw), c and f of a group.
    """
    (groups, c, f, *_), (_, ho, wo, n) = turned.shape, dy.shape
    bands = in_bands(n, dx.shape[2], patches, groups)
    work = sharing(max(groups, len(dx) if bands else dx.shape[1]), turned.size * ho * wo * n)
    table = _backward(n, c, f, groups, patches, bands)
    CONV(table, dy, turned, b, None, dx, None, None, NO_RELU, False, *work)


def filter_gradients(
    image: Array, dy: Array, w: Array, patches: Patches, *, want_db: bool
) -> Array:
    """Return dw and then db, or zeros, as one row."""
    (f, ho, wo, n), c_group = dy.shape, w.shape[1]
    bands, groups = n <= FEW, len(image) // c_group
    in_planes = bands or (patches.stride[1] > 1 and f >= ENOUGH * groups)
    pieces, threads = sharing(max(groups, f if bands else ho), w.size * ho * wo * n)
    table = _forward(n, len(image), f, c_group, patches, (1, 1), bands, in_planes)
    is_one = bands or groups >= pieces  # else each piece of the rows has its sums
    parts = np.empty((1 if is_one else pieces, w.size + f), w.dtype)
    arrays = image, None, None, dy, parts, None, None
    CONV_DW(table, *arrays, NO_RELU, want_db, pieces, threads)
    return parts[0] if is_one else summed(parts, 0)


@lru_cache(maxsize=1024)
def _forward(
    n: int,
    c: int,
    f: int,
    c_group: int,
    patches: Patches,
    pool: Pair,
    bands: bool,
    in_planes: bool,
) -> Array:
    """Return the fields of `Table` in conv.c."""
    (ho, wo), (sh, sw), (dh, dw) = patches.out, patches.stride, patches.dilation
    (h, width), (top, left) = patches.image, (before for before, _ in patches.sides)
    taps = [(i * dh, j * dw) for i, j in product(*map(range, patches.size))]
    if in_planes:
        reach = [d * (k - 1) for d, k in zip(patches.dilation, patches.size, strict=True)]
        across = min(sw, reach[1] + 1)  # planes that taps see
        planes = min(sh, reach[0] + 1) * across
        tall, wide = ho + reach[0] // sh, wo + reach[1] // sw
        seen = [(i % sh * across + j % sw, i // sh, j // sw) for i, j in taps]
        lies = planes, across, top, left, tall, wide, planes * tall * wide, bands, 1, 1
        if (planes, top, left, tall, wide) == (1, 0, 0, h, width):
            lies = 0, *lies[1:]
    else:
        lies = 0, 1, 0, 0, h, width, h * width, bands, sh, sw
        wide, tall = width, h
        seen = [(0, i - top, j - left) for i, j in taps]
    places = [(k, i, j, (plane * tall + i) * wide + j) for k, (plane, i, j) in enumerate(seen)]
    inner = _inner(wo, wide, places, lies[-1])
    sizes = n, c_group, f * c_group // c, c // c_group, h, width, sh, sw
    out = len(taps), ho, wo, 1, 1, *pool, 1, 0, 0, ho, wo, 0, len(taps)
    return np.asarray((*sizes, *lies, *out, *inner, *sum(places, ())), LONG)


@lru_cache(maxsize=1024)
def _backward(n: int, c: int, f: int, groups: int, patches: Patches, bands: bool) -> Array:
    """Return the same for the gradient of the image: c channels of a group, from f of dy."""
    fields = zip(*patches, strict=True)
    down, across = ([_phase(r, *axis) for r in range(axis[2])] for axis in fields)
    (top, tall), (left, wide) = _extent(down), _extent(across)
    if not bands:
        (top, left), (tall, wide) = (0, 0), patches.out
    phases: list[int] = []
    taps: _Taps = []
    for (row, (rows, of_rows)), (column, (columns, of_columns)) in product(
        enumerate(down), enumerate(across)
    ):
        seen = [
            (i * patches.size[1] + j, p + top, q + left, (p + top) * wide + q + left)
            for (i, p), (j, q) in product(of_rows, of_columns)
        ]
        first, taps = len(taps), taps + seen
        inner = _inner(columns, wide, seen, 1)
        phases += [row, column, rows, columns, first, len(taps), *inner]
    planes = int((top, left, tall, wide) != (0, 0, *patches.out))
    lies = planes, 1, top, left, tall, wide, tall * wide, bands, 1, 1
    sizes = n, f, c, groups, *patches.out, 1, 1
    out = len(taps), *patches.image, *patches.stride, 1, 1, len(phases) // 8
    return np.asarray((*sizes, *lies, *out, *phases, *sum(taps, ())), LONG)


def _inner(columns: int, wide: int, taps: _Taps, right: int) -> Pair:
    """Return from which of the columns, `right` pixels apart, to which all taps lie on planes."""
    seen = [column for _, _, column, _ in taps]
    first = max([0, *(-(column // right) for column in seen)])
    return first, min([columns, *((wide - column - 1) // right + 1 for column in seen)])


def _phase(r: int, length: int, k: int, stride: int, dilation: int, sides: Pair) -> _Phase:
    """Return how many pixels r, r + stride, ... an axis of the image has, and the taps that see
    them, each with the output pixel to which it takes the first of them."""
    places = ((t, divmod(r + sides[0] - t * dilation, stride)) for t in range(k))
    return -(-(length - r) // stride), [(t, at) for t, (at, rest) in places if rest == 0]


def _extent(phases: list[_Phase]) -> Pair:
    """Return how many zeros before an axis of dy all taps need, and its length with zeros."""
    before = max(0, *(-at for _, taps in phases for _, at in taps))
    return before, before + max(n + at for n, taps in phases for at in (0, *(at for _, at in taps)))
