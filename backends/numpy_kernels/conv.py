"""Convolution as matrix products over strips of output rows.

im2col of a whole batch falls out of the caches and im2col of one image makes products too small. A
strip is as many output rows of the whole batch as make the columns fit into a core's L2 cache; the
backward pass lays the columns out again, which costs less than keeping them. Threads share the
strips of the forward pass and the input channels of the backward pass, so that none writes where
another does.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .layout import Array, batch_last, logical, pair, sides
from .threads import spread

STRIP_BYTES = 1 << 19  # columns of one strip


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
    """Convolve as the reference does; groups are left to it."""
    if groups != 1 or x.size == 0:
        return NotImplemented
    n, c, h, width = x.shape
    f, _, kh, kw = w.shape
    (sh, sw), (dh, dw_) = pair(stride), pair(dilation)
    (top, bottom), (left, right) = sides(padding, (kh, kw), (dh, dw_))
    ho = (h + top + bottom - dh * (kh - 1) - 1) // sh + 1
    wo = (width + left + right - dw_ * (kw - 1) - 1) // sw + 1

    padded = x.transpose(1, 2, 3, 0)  # (c, h, w, n)
    if top or bottom or left or right:
        padded = np.zeros((c, h + top + bottom, width + left + right, n), x.dtype)
        padded[:, top : top + h, left : left + width] = x.transpose(1, 2, 3, 0)
    filters = w.reshape(f, c, kh * kw)
    row = wo * n  # numbers in one output row of a channel
    size = c * kh * kw * ho * row * x.itemsize
    taps = [(i, j, i * dh, j * dw_) for i in range(kh) for j in range(kw)]

    def strips(channels: int, start: int = 0, stop: int = ho) -> list[tuple[int, int]]:
        rows = max(1, STRIP_BYTES // (channels * kh * kw * row * x.itemsize))
        return [(p, min(p + rows, stop)) for p in range(start, stop, rows)]

    def cut(image: Array, p: int, q: int, i: int, j: int) -> Array:
        """The elements under tap (i, j) of output rows p to q: (channels, q - p, wo, n)."""
        return image[:, p * sh + i : (q - 1) * sh + i + 1 : sh, j : j + (wo - 1) * sw + 1 : sw]

    def columns(image: Array, p: int, q: int) -> Array:
        channels = image.shape[0]
        cols = np.empty((channels, kh, kw, q - p, wo, n), x.dtype)
        for ki, kj, i, j in taps:
            cols[:, ki, kj] = cut(image, p, q, i, j)
        return cols.reshape(channels * kh * kw, (q - p) * row)

    y = np.empty((f, ho * row), x.dtype)

    def forward(start: int, stop: int) -> None:
        matrix = filters.reshape(f, c * kh * kw)
        for p, q in strips(c, start, stop):
            part = y[:, p * row : q * row]
            np.matmul(matrix, columns(padded, p, q), out=part)
            if b is not None:
                part += b[:, None]

    spread(forward, ho, size)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dy = batch_last(dy).reshape(f, ho * row)
        dw = np.zeros((f, c, kh * kw), x.dtype) if want_dw else None
        dpadded = np.zeros(padded.shape, x.dtype) if want_dx else None

        def backward(start: int, stop: int) -> None:
            channels = stop - start
            matrix = filters[:, start:stop].reshape(f, channels * kh * kw)
            total = np.zeros_like(matrix)
            for p, q in strips(channels):
                part = dy[:, p * row : q * row]
                if dw is not None:
                    total += part @ columns(padded[start:stop], p, q).T
                if dpadded is not None:
                    dcols = (matrix.T @ part).reshape(channels, kh, kw, q - p, wo, n)
                    for ki, kj, i, j in taps:
                        cut(dpadded[start:stop], p, q, i, j)[...] += dcols[:, ki, kj]
            if dw is not None:
                dw[:, start:stop] = total.reshape(f, channels, kh * kw)

        spread(backward, c, size)
        dx = None
        if dpadded is not None:
            dx = logical(dpadded[:, top : top + h, left : left + width])
        db = dy.sum(axis=1) if want_db and b is not None else None
        return dx, None if dw is None else dw.reshape(w.shape), db

    pull: Callable[..., Any] = pullback
    return logical(y.reshape(f, ho, wo, n)), pull
