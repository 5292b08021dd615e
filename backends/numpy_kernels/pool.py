"""Pooling over strided slices: every tap of the window is one slice of the whole batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..geometry import pair
from .layout import Array, logical
from .threads import parallel_for


def taps_of(x: Array, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    """Return the slices of (c, h, w, n) with each tap of all windows; None if not served.

    Padding, dilation and windows that overhang are left to the reference.
    """
    _, _, h, w = x.shape
    kh, kw = pair(size)
    sh, sw = pair(size if stride is None else stride)
    overhangs = ceil_mode and ((h - kh) % sh or (w - kw) % sw)
    if padding not in (0, (0, 0), "valid") or pair(dilation) != (1, 1) or overhangs:
        return None
    down, across = (h - kh) // sh * sh + 1, (w - kw) // sw * sw + 1
    return [
        (slice(None), slice(i, i + down, sh), slice(j, j + across, sw))
        for i in range(kh)
        for j in range(kw)
    ]


def max_pool2d(
    x: Array,
    *,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """Pool by pairwise maxima; backward by masks in which the first winner takes the gradient.

    Where dy is not finite, the losers of that window get NaN; from the reference, 0.
    """
    taps = taps_of(x, size, stride, padding, dilation, ceil_mode)
    if taps is None:
        return NotImplemented
    image = x.transpose(1, 2, 3, 0)  # (c, h, w, n)
    y = np.empty(image[taps[0]].shape, x.dtype)

    def forward(start: int, stop: int) -> None:
        channels, top = image[start:stop], y[start:stop]
        top[...] = channels[taps[0]]
        for tap in taps[1:]:
            np.maximum(top, channels[tap], out=top)  # NaN propagates

    parallel_for(forward, len(image), x.nbytes)
    # windows that tile the image write each element of dx once
    tiles = y.size * len(taps) == x.size and pair(size) == pair(size if stride is None else stride)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        dy = dy.transpose(1, 2, 3, 0)
        dx = np.empty(image.shape, x.dtype) if tiles else np.zeros(image.shape, x.dtype)

        def backward(start: int, stop: int) -> None:
            channels, top = image[start:stop], y[start:stop]
            grad, out = dy[start:stop], dx[start:stop]
            free = np.ones(top.shape, bool)  # windows whose winner is not yet found
            won = np.empty(top.shape, bool)
            for tap in taps:
                np.equal(channels[tap], top, out=won)
                won &= free
                free ^= won
                if tiles:
                    np.multiply(grad, won, out=out[tap])
                else:
                    out[tap] += grad * won
            if free.any():  # NaN, which is not equal to itself: the last one takes the gradient
                for tap in reversed(taps):
                    won = np.isnan(channels[tap]) & free
                    free ^= won
                    out[tap] += np.where(won, grad, 0)

        parallel_for(backward, len(image), x.nbytes)
        return (logical(dx),)

    return logical(y), pullback


def avg_pool2d(
    x: Array,
    *,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: float | None = None,
) -> Any:
    """Pool by sums; without padding every window counts all its elements."""
    taps = taps_of(x, size, stride, padding, dilation, ceil_mode)
    if taps is None:
        return NotImplemented
    image = x.transpose(1, 2, 3, 0)  # (c, h, w, n)
    share = 1.0 / (len(taps) if divisor is None else divisor)
    y = np.array(image[taps[0]], order="C")
    for tap in taps[1:]:
        y += image[tap]
    y *= share

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        part = dy.transpose(1, 2, 3, 0) * share
        dx = np.zeros(image.shape, x.dtype)
        for tap in taps:
            dx[tap] += part
        return (logical(dx),)

    return logical(y), pullback
