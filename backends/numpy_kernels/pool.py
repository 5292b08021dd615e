"""Max pooling as pairwise maxima of strided slices; backward by masks in which the first wins."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .layout import Array, logical, pair


def max_pool2d(
    x: Array,
    *,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """Pool as the reference does; padding, dilation and overhanging windows are left to it."""
    n, c, h, w = x.shape
    kh, kw = pair(size)
    sh, sw = pair(size if stride is None else stride)
    overhangs = ceil_mode and ((h - kh) % sh or (w - kw) % sw)
    if padding not in (0, (0, 0), "valid") or pair(dilation) != (1, 1) or overhangs:
        return NotImplemented
    ho, wo = (h - kh) // sh + 1, (w - kw) // sw + 1
    image = x.transpose(1, 2, 3, 0)  # (c, h, w, n)
    taps = [
        (slice(None), slice(i, i + (ho - 1) * sh + 1, sh), slice(j, j + (wo - 1) * sw + 1, sw))
        for i in range(kh)
        for j in range(kw)
    ]
    y = np.array(image[taps[0]], order="C")
    for tap in taps[1:]:
        np.maximum(y, image[tap], out=y)  # NaN propagates

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        dy = dy.transpose(1, 2, 3, 0)
        dx = np.zeros((c, h, w, n), x.dtype)
        free = np.ones(y.shape, bool)  # windows whose winner is not yet found
        for tap in taps:
            won = image[tap] == y
            won &= free
            free &= ~won
            dx[tap] += dy * won
        if free.any():  # windows with NaN, which equals nothing: the last NaN takes the gradient
            for tap in reversed(taps):
                won = np.isnan(image[tap]) & free
                free &= ~won
                dx[tap] += np.where(won, dy, 0)
        return (logical(dx),)

    return logical(y), pullback
