"""Convolution, alone and with ReLU and max pooling, in C: float32.

Three other files are tried before `direct`; `serves` in each says when it is faster. In this order:

    depthwise.py    a filter for each channel
    winograd.py     3 x 3 filters: Winograd's algorithm
    conv_1x1.py     1 x 1 filters: products of matrices
    direct.py       all others

Where there are many images, taps on padding are skipped, but for rows of padding in depthwise.c:
where a weight or dy is infinite, the reference has NaN beside padding (infinity times 0), and these
kernels do not. A check would take 5 % of a forward and 13 % of a backward pass over a batch of 64
grey images of 8 x 8 (0.2 % and 1 % with 16 channels of 14 x 14); training stops at weights that are
not finite, and files of models hold none.
"""

from typing import Any

import numpy as np

from ...geometry import pair
from ...types import Wants
from .. import conv
from ..layout import Array, batch_last, logical
from ..patches import Patches
from ..recording import contiguous, summed
from ..threads import sharing
from . import conv_1x1, depthwise, direct, strips, winograd
from .pointwise import NO_RELU, cap_of, relu_gradient
from .pool import max_pool_gradient
from .resize import every, spread
from .shared_library import serves, vector
from .windows import windows_of

Gradients = tuple[Array | None, Array | None, Array | None]


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolve; groups are convolutions whose arrays lie one after another in memory."""
    if not serves(x):
        return NotImplemented
    patches = conv.patches_of(x, w, stride, padding, dilation)
    is_1x1 = patches.size == (1, 1) and patches.sides == ((0, 0), (0, 0))
    if is_1x1 and patches.stride != (1, 1):
        return strided_1x1_conv2d(x, w, b, patches, groups)
    image, b = batch_last(x), vector(b)
    y = logical(convolved(image, w, b, patches, NO_RELU))

    def pullback(dy: Array, wants: Wants = None) -> Gradients:
        return gradients(image, w, b, batch_last(dy), patches, wants)

    return y, pullback


def strided_1x1_conv2d(x: Array, w: Array, b: Array | None, patches: Patches, groups: int) -> Any:
    """Convolve with 1 x 1 filters and a stride: they see some pixels only, which are copied."""
    seen = logical(every(batch_last(x), patches.stride))
    y, back = conv2d(seen, w, b, groups=groups)

    def pullback(dy: Array, wants: Wants = None) -> Gradients:
        dx, dw, db = back(dy, wants)
        if dx is not None:
            dx = logical(spread(batch_last(dx), patches.stride, patches.image))
        return dx, dw, db

    return y, pullback


def conv_relu_pool(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    pool: Any = None,
    limit: float | None = None,
    grad: bool = True,
) -> Any:
    """Compute pool(relu(conv(x, w) + b)), for pooling windows of up to 255 elements."""
    patches = conv.patches_of(x, w, stride, padding, dilation)
    (ho, wo), (ph, pw) = patches.out, (1, 1) if pool is None else pair(pool)
    # more elements than one byte can number beside "none"; no window fits
    if not serves(x) or ph * pw > 255 or ph > ho or pw > wo:
        return NotImplemented
    is_pooled = ph * pw > 1
    if is_pooled and limit is not None:
        return NotImplemented
    image, b, f, n = batch_last(x), vector(b), len(w), len(x)
    winner: Array | None = None
    if not is_pooled:
        y = convolved(image, w, b, patches, cap_of(limit))
    else:
        y = np.empty((f, ho // ph, wo // pw, n), x.dtype)
        winner = np.empty(y.shape, np.uint8) if grad else None
        # of a few images too: it pools tiles in registers
        if groups == 1 and (ph, pw) == (2, 2) and winograd.serves(w, patches, patches.out):
            winograd.convolved(image, w, b, patches, y, pooled=True, winner=winner)
        else:
            direct.convolved(image, w, b, patches, y, pool=(ph, pw), winner=winner)

    kept = y if winner is None else winner

    def pullback(dy: Array, wants: Wants = None) -> Gradients:
        dy = batch_last(dy)
        if is_pooled:
            windows = windows_of(patches.out, (ph, pw), None, 0, 1, False)
            dconv = max_pool_gradient(dy, kept, *windows)
        else:
            dconv = relu_gradient(dy, kept, limit, channels=len(dy))
        return gradients(image, w, b, dconv, patches, wants)

    return logical(y), pullback


def convolved(image: Array, w: Array, b: Array | None, patches: Patches, cap: float) -> Array:
    """Return the convolution of (c, h, w, n) with w (f, c / groups, kh, kw) as (f, ho, wo, n).

    cap: of the ReLU behind it, see `pointwise.cap_of`.
    """
    n, groups = image.shape[3], len(image) // w.shape[1]
    y = np.empty((len(w), *patches.out, n), image.dtype)
    if depthwise.serves(len(image), n, w, patches):
        depthwise.convolved(image, w, b, patches, y, cap)
        return y
    if groups == 1 and by_winograd(w, patches, n):
        winograd.convolved(image, w, b, patches, y, cap=cap)
        return y
    if groups == 1 and conv_1x1.serves(patches):
        conv_1x1.convolved(image, w, b, y, cap)
        return y
    direct.convolved(image, w, b, patches, y, cap=cap)
    return y


def by_winograd(w: Array, patches: Patches, n: int) -> bool:
    """Whether to convolve n images by Winograd's algorithm."""
    serves = winograd.serves(w, patches, patches.out)
    return serves and (n >= direct.FEW or winograd.pays(w, patches, n))


def gradients(
    image: Array, w: Array, b: Array | None, dy: Array, patches: Patches, wants: Wants
) -> Gradients:
    """Return dx (n, c, h, w), dw, db of the image (c, h, w, n) and dy (f, ho, wo, n)."""
    want_dx, want_dw, want_db = wants or (True, True, True)
    want_db = want_db and b is not None
    groups = len(image) // w.shape[1]
    dx = dw = db = None
    if want_dw or want_db:  # both in one call: db has the same bits with and without dw
        if want_dx and groups == 1 and conv_1x1.serves_together(w, patches):
            dx = np.empty(image.shape, image.dtype)
        dw, db = filter_gradients(image, w, dy, patches, want_db=want_db, dx=dx)
    if want_dx and dx is None:
        dx = image_gradient(dy, w, patches, groups)
    dx = None if dx is None else logical(dx)
    return dx, dw if want_dw else None, db if want_db else None


def filter_gradients(
    image: Array, w: Array, dy: Array, patches: Patches, *, want_db: bool, dx: Array | None = None
) -> tuple[Array, Array]:
    """Return dw in the shape of w, and db, or anything if it is not wanted.

    dx: where the gradient of the image is written too, if `conv_1x1.serves_together`.
    """
    (f, ho, wo, n), c_group = dy.shape, w.shape[1]
    groups = len(image) // c_group
    is_1x1 = groups == 1 and conv_1x1.serves(patches) and w.size >= conv_1x1.WEIGHTS
    by_strips = groups == 1 and not is_1x1 and strips.serves(w, patches)
    by_tiles = groups == 1 and winograd.serves(w, patches, (ho, wo))
    if depthwise.serves(len(image), n, w, patches):
        dw_db = depthwise.filter_gradients(image, dy, w, patches)
    elif groups == 1 and conv_1x1.serves_together(w, patches):
        dw_db = conv_1x1.gradients(image, w, dy, dx)
    elif is_1x1 or by_strips or by_tiles:
        pieces, threads = sharing(ho, w.size * ho * wo * n)
        pieces = conv_1x1.parts_of(f, dy[0].size, pieces) if is_1x1 else pieces
        parts = np.empty((1 if by_strips else pieces, w.size + f), w.dtype)
        if is_1x1:
            conv_1x1.filter_gradients(image, dy, parts, want_db=want_db)
        elif by_strips:
            strips.filter_gradients(image, dy, w, patches, parts, want_db=want_db)
        else:
            winograd.filter_gradients(image, dy, patches, parts, threads)
        dw_db = summed(parts, 0)  # in the order of the rows: the same bits in every run
    else:
        dw_db = direct.filter_gradients(image, dy, w, patches, want_db=want_db)
    return dw_db[: w.size].reshape(w.shape), dw_db[w.size :]


def image_gradient(
    dy: Array, w: Array, patches: Patches, groups: int, b: Array | None = None
) -> Array:
    """Return dx (c, h, w, n); as a transposed convolution, with a bias b (c,)."""
    f, c_group = w.shape[:2]
    dx = np.empty((groups * c_group, *patches.image, dy.shape[3]), dy.dtype)
    if depthwise.serves(len(dx), dy.shape[3], w, patches):
        depthwise.image_gradient(dy, w, b, patches, dx)
        return dx
    if groups == 1 and winograd.serves(w, patches, patches.image):
        winograd.image_gradient(dy, w, b, patches, dx)
        return dx
    if groups == 1 and conv_1x1.serves(patches):
        conv_1x1.image_gradient(dy, w, b, dx)
        return dx
    apart = w.reshape(groups, f // groups, *w.shape[1:])
    turned = contiguous(apart.transpose(0, 2, 1, 3, 4))
    direct.image_gradient(dy, turned, b, patches, dx)
    return dx
