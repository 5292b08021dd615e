"""Max and average pooling in C (pool.c): float32, with any stride, padding and dilation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..layout import Array, batch_last, logical
from ..threads import sharing
from .pointwise import PASS
from .resize import mixed
from .shared_library import Call, serves
from .windows import Table, Windows, common_share, pooled, seen, shares, windows_of

MAX_POOL = Call("pool", "poo tttt llllll llllf ll", "max_pool2d")
MAX_POOL_GRADIENT = Call("pool", "pop tttt llllll llllf ll", MAX_POOL.op)
AVERAGE_POOL = Call("pool", MAX_POOL.kinds, "avg_pool2d")
VECTOR = 16  # numbers of a long vector


def max_pool2d(
    x: Array,
    *,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """Take the largest element of windows of up to 256 elements."""
    if not serves(x):
        return NotImplemented
    down, across = windows_of(x.shape[2:], size, stride, padding, dilation, ceil_mode)
    if down.k * across.k > 256 or min(down.out, across.out) < 1:
        return NotImplemented  # more elements than one byte can number; no window
    x = batch_last(x)
    c, _, _, n = x.shape
    y = np.empty((c, down.out, across.out, n), x.dtype)
    winner = np.empty(y.shape, np.uint8)
    order = _order(across, n)
    tables = pooled(down, 1, False), pooled(across, order, False)
    MAX_POOL(x, y, winner, *_described(x, y, *tables, across.k, order))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        dy = batch_last(dy)
        return (logical(max_pool_gradient(dy, winner, down, across)),)

    return logical(y), pullback


def max_pool_gradient(dy: Array, winner: Array, down: Windows, across: Windows) -> Array:
    """Return the gradient (c, h, w, n) from dy and winner (c, ho, wo, n).

    winner: which element of a window was the largest; 255 where no gradient passes.
    """
    c, _, _, n = dy.shape
    dx, order = np.empty((c, down.length, across.length, n), dy.dtype), _order(across, n)
    tables = seen(down, 1), seen(across, order)
    MAX_POOL_GRADIENT(dy, dx, winner, *_described(dy, dx, *tables, across.k, order, True))
    return dx


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
    """Pool by means."""
    if not serves(x):
        return NotImplemented
    down, across = windows_of(x.shape[2:], size, stride, padding, dilation, ceil_mode)
    if min(down.out, across.out) < 1:
        return NotImplemented
    x = batch_last(x)
    y = np.empty((len(x), down.out, across.out, x.shape[3]), x.dtype)
    order, share = _order(across, x.shape[3]), None if divisor is None else 1.0 / divisor
    tables = pooled(down, 1, count_include_pad), pooled(across, order, count_include_pad)
    AVERAGE_POOL(x, y, None, *_described(x, y, *tables, across.k, order, share=share))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        dy = batch_last(dy)
        one = share or common_share(down, across, count_include_pad)  # rounded once
        rows = shares(down, count_include_pad, None if one is None else 1.0)
        return (logical(mixed(dy, rows, shares(across, count_include_pad, one))),)

    return logical(y), pullback


def global_avg_pool2d(x: Array) -> Any:
    """Pool whole images by means."""
    result = avg_pool2d(x, size=x.shape[2:])
    if result is NotImplemented:
        return NotImplemented
    y, back = result

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        (dx,) = back(dy[:, :, None, None], wants)
        return (dx,)

    return y[:, :, 0, 0], pullback


def _order(across: Windows, n: int) -> int:
    """Return the stride of copies: 1, for none, where a pixel is as long as a vector."""
    return across.stride if n < VECTOR and across.out > 1 else 1


def _described(
    x: Array,
    y: Array,
    down: Table,
    across: Table,
    kw: int,
    order: int,
    is_gradient: bool = False,
    share: float | None = None,
) -> tuple[Any, ...]:
    """Return the arguments of pool.c after its arrays (c, h, w, n)."""
    tables = down.each, across.runs, down.terms, across.terms
    options = len(across.runs), kw, order, is_gradient, share or 0.0
    return *tables, *x.shape, *y.shape[1:3], *options, *sharing(len(x), PASS * max(x.size, y.size))
