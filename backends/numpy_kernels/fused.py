"""Convolution, ReLU and max pooling as one pass over strips, each still in a cache.

The output of the convolution is never stored. The backward pass needs only which element of each
pooling window was the largest, one byte each.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..geometry import pair
from .conv import gradients, patches_of, product, work
from .elementwise import d_rectify, rectify
from .layout import Array, batch_last, logical
from .threads import parallel_for

CHUNK_BYTES = 1 << 21  # output of the convolution that is pooled at once


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
    """Compute pool(relu(conv(x, w) + b)), without groups and limit, for windows of up to 256
    elements.
    """
    if groups != 1 or x.size == 0 or limit is not None:
        return NotImplemented
    image = batch_last(x)
    patches = patches_of(x, w, stride, padding, dilation)
    (ho, wo), (kh, kw) = patches.out, (1, 1) if pool is None else pair(pool)
    if kh * kw > 256 or kh > ho or kw > wo:  # no byte numbers them; no window
        return NotImplemented
    conv = (len(w), ho, wo, len(x))
    y = np.empty((len(w), ho // kh, wo // kw, len(x)), x.dtype)
    winner = np.empty(y.shape, np.uint8) if grad and pool is not None else None

    def forward(start: int, stop: int) -> None:
        if pool is None:
            product(w, image, patches, y, start, stop, b, rectify)
            return
        rows = CHUNK_BYTES // (kh * wo * y[:, 0, 0].nbytes) or 1
        for p in range(start, stop, rows):
            q = min(p + rows, stop)
            strip = np.empty((len(w), (q - p) * kh, wo, len(x)), x.dtype)
            product(w, image, patches, strip, p * kh, q * kh, b, first=p * kh)
            pooled(strip, (kh, kw), y[:, p:q], None if winner is None else winner[:, p:q])

    parallel_for(forward, y.shape[1], work(w, y) * kh * kw)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dy = batch_last(dy)
        whole = (y.shape[1] * kh, y.shape[2] * kw) == (ho, wo)
        dconv = np.empty(conv, x.dtype) if whole else np.zeros(conv, x.dtype)

        def unpool(start: int, stop: int) -> None:
            part = y[:, start:stop]
            if winner is None:
                d_rectify(dy[:, start:stop], part, dconv[:, start:stop])
                return
            passed = np.empty_like(part)
            d_rectify(dy[:, start:stop], part, passed)
            for k, tap in enumerate(taps(dconv[:, start * kh : stop * kh], (kh, kw), y.shape[2])):
                np.multiply(passed, winner[:, start:stop] == k, out=tap)

        parallel_for(unpool, y.shape[1], dconv.nbytes)
        return gradients(image, w, dconv, patches, (want_dx, want_dw, want_db and b is not None))

    pull: Callable[..., Any] = pullback
    return logical(y), pull


def taps(image: Array, size: tuple[int, int], across: int) -> list[Array]:
    """Return the elements (i, j) of all windows that tile (c, h, w, n), `across` in a row."""
    kh, kw = size
    return [image[:, i::kh, j : across * kw : kw] for i in range(kh) for j in range(kw)]


def pooled(strip: Array, size: tuple[int, int], y: Array, winner: Array | None) -> None:
    """Write the ReLU of the largest element of each window into y, and its number in winner."""
    first, *others = elements = taps(strip, size, y.shape[2])
    above: Array = first  # the largest so far
    if winner is not None:
        winner[...] = 0
        wins = np.empty(y.shape, np.uint8)
    for k, tap in enumerate(others, start=1):
        if winner is not None:  # the last that is larger than all before it
            np.greater(tap, above, out=wins.view(bool))
            if k > 1:
                wins *= k
            np.maximum(winner, wins, out=winner)
        above = np.maximum(above, tap, out=y)  # NaN propagates
    rectify(above, y)
    if winner is not None and np.isnan(y).any():  # the last NaN takes the gradient
        for k, tap in enumerate(elements):
            np.copyto(winner, k, where=np.isnan(tap))
