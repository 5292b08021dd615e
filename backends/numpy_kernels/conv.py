"""Convolution as matrix products over strips of output pixels.

Forward, y = W @ columns(x). Backward, dW = dy @ columns(x)^T, laid out again, which costs less than
keeping them; and dx, where the stride is 1, is a convolution of dy with the flipped filters: one
more product over strips that write each pixel once, faster than adding kh*kw shifted images.
Threads share the rows, so that none writes where another does.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..geometry import pair, sides
from .layout import Array, batch_last, logical
from .patches import Patches
from .threads import parallel_for

MOST_FILTERS, LEAST_WIDTH = 8, 5  # for several pixels at once


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
    """Convolve, without groups."""
    if groups != 1 or x.size == 0:
        return NotImplemented
    image = batch_last(x)
    patches = patches_of(x, w, stride, padding, dilation)
    y = np.empty((len(w), *patches.out, len(x)), x.dtype)

    def forward(start: int, stop: int) -> None:
        product(w, image, patches, y, start, stop, b)

    parallel_for(forward, y.shape[1], work(w, y))

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        return gradients(
            image, w, batch_last(dy), patches, (want_dx, want_dw, want_db and b is not None)
        )

    pull: Callable[..., Any] = pullback
    return logical(y), pull


def patches_of(x: Array, w: Array, stride: Any, padding: Any, dilation: Any) -> Patches:
    """Return the patches of x (n, c, h, w) under filters w (f, c, kh, kw)."""
    image, size = (x.shape[2], x.shape[3]), (w.shape[2], w.shape[3])
    around = sides(padding, image, size, stride, dilation)
    return Patches(image, size, pair(stride), pair(dilation), around)


def work(w: Array, y: Array) -> int:
    """Return the bytes of all columns of a convolution with filters w and output y."""
    columns: int = w[0].size * y[0].nbytes
    return columns


def gradients(
    image: Array, w: Array, dy: Array, patches: Patches, wants: tuple[bool, bool, bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """Return dx (n, c, h, w), dw, db of the image (c, h, w, n) and dy (f, ho, wo, n)."""
    want_dx, want_dw, want_db = wants
    adjoint = patches.adjoint()
    dx = np.empty(image.shape, image.dtype) if want_dx and adjoint else None
    flipped = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    dw_parts: dict[int, Array] = {}  # by first row
    db_parts: dict[int, Array] = {}
    ho, h = dy.shape[1], image.shape[1]

    def backward(start: int, stop: int) -> None:
        if want_dw:
            dw_parts[start] = product_t(w, dy, image, patches, start, stop)
        if want_db:
            db_parts[start] = dy[:, start:stop].reshape(len(dy), -1).sum(axis=1)
        if dx is not None and adjoint is not None:
            product(flipped, dy, adjoint, dx, start * h // ho, stop * h // ho)

    parallel_for(backward, ho, work(w, dy))
    if want_dx and dx is None:
        dx = scattered(w, dy, patches)
    return (
        None if dx is None else logical(dx),
        total(dw_parts) if want_dw else None,
        total(db_parts) if want_db else None,
    )


def total(parts: dict[int, Array]) -> Array:
    """Add the partial sums of threads in the order of rows: the same bits in every run."""
    first, *others = (parts[row] for row in sorted(parts))
    return sum(others, start=first)


def product(
    w: Array,
    image: Array,
    patches: Patches,
    out: Array,
    start: int,
    stop: int,
    b: Array | None = None,
    then: Callable[[Array], None] | None = None,
    first: int = 0,
) -> None:
    """Write the convolution of filters w plus b, rows start to stop, into out (f, rows, wo, n).

    out begins with row `first`; `then` changes each part of it in place.
    """
    f, _, wo, n = out.shape
    flat = out.reshape(f, -1)
    g = at_once(w, patches)
    matrix, patches = widened(w, g).reshape(g * f, -1), patches.widened(g)
    for p, q, u, v in patches.strips(start, stop, matrix.shape[1] * n * out.itemsize):
        part = flat[:, pixels((p, q, g * u, g * v), wo, n, first)]
        columns = patches.columns(image, (p, q, u, v))
        if g == 1:
            np.matmul(matrix, columns, out=part)
        else:
            apart = (matrix @ columns).reshape(g, f, q - p, v - u, n)
            part.reshape(f, q - p, v - u, g, n)[...] = apart.transpose(1, 2, 3, 0, 4)
        if b is not None:
            part += b[:, None]
        if then is not None:
            then(part)


def product_t(w: Array, dy: Array, image: Array, patches: Patches, start: int, stop: int) -> Array:
    """Return the part of the gradient of w that comes from rows start to stop of dy."""
    f, ho, wo, n = dy.shape
    flat = dy.reshape(f, ho * wo * n)
    g = at_once(w, patches)
    wide, patches = np.zeros_like(widened(w, g)).reshape(g * f, -1), patches.widened(g)
    for p, q, u, v in patches.strips(start, stop, wide.shape[1] * n * dy.itemsize):
        part = flat[:, pixels((p, q, g * u, g * v), wo, n)]
        if g > 1:
            together = part.reshape(f, q - p, v - u, g, n)
            part = together.transpose(3, 0, 1, 2, 4).reshape(g * f, -1)
        wide += part @ patches.columns(image, (p, q, u, v)).T
    kw = w.shape[3]
    apart = wide.reshape(g, *w.shape[:3], -1)
    return total({r: apart[r, ..., r : r + kw] for r in range(g)})


def at_once(w: Array, patches: Patches) -> int:
    """Return how many neighbouring output pixels one column computes.

    With few filters, making the columns costs more than the arithmetic, and wide windows of
    neighbours mostly overlap. With 3 filters of 5 x 5, four at once take 0.4 to 0.6 of the time.
    """
    steps = patches.stride == patches.dilation == (1, 1)
    if not steps or len(w) > MOST_FILTERS or w.shape[3] < LEAST_WIDTH:
        return 1
    return next(g for g in (4, 2, 1) if patches.out[1] % g == 0)


def widened(w: Array, g: int) -> Array:
    """Return g copies of filters, each shifted by one more column: (g, f, c, kh, kw + g - 1)."""
    f, c, kh, kw = w.shape
    wide = np.zeros((g, f, c, kh, kw + g - 1), w.dtype)
    for r in range(g):
        wide[r, ..., r : r + kw] = w
    return wide


def pixels(strip: tuple[int, int, int, int], wo: int, n: int, first: int = 0) -> slice:
    """Return where a strip lies in flat memory (..., rows*wo*n) that begins with row `first`."""
    p, q, u, v = strip
    p, q = p - first, q - first
    return slice((p * wo + u) * n, ((q - 1) * wo + v) * n)


def scattered(w: Array, dy: Array, patches: Patches) -> Array:
    """Return dx (c, h, w, n) by adding W^T @ dy to the pixels that the columns were taken from."""
    f, c, kh, kw = w.shape
    _, ho, wo, n = dy.shape
    (h, width), (sh, sw), (dh, dw) = patches.image, patches.stride, patches.dilation
    (top, bottom), (left, right) = patches.sides
    padded = np.zeros((c, h + top + bottom, width + left + right, n), dy.dtype)

    def backward(start: int, stop: int) -> None:
        channels = stop - start
        matrix = w[:, start:stop].reshape(f, channels * kh * kw).T
        for strip in patches.strips(0, ho, len(matrix) * n * dy.itemsize):
            p, q, u, v = strip
            part = dy.reshape(f, ho * wo * n)[:, pixels(strip, wo, n)]
            columns = (matrix @ part).reshape(channels, kh, kw, q - p, v - u, n)
            for i in range(kh):
                for j in range(kw):
                    rows = slice(p * sh + i * dh, (q - 1) * sh + i * dh + 1, sh)
                    across = slice(u * sw + j * dw, (v - 1) * sw + j * dw + 1, sw)
                    padded[start:stop, rows, across] += columns[:, i, j]

    parallel_for(backward, c, work(w, dy))
    return padded[:, top : top + h, left : left + width]
