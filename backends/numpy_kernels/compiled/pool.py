"""Max and average pooling in C (pool.c): float32, with any stride, padding and dilation."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ...geometry import pair, sides
from ...types import Pair
from ..layout import Array, batch_last, cotangent, logical
from ..threads import sharing
from .pointwise import PASS
from .shared_library import LONG, Call, serves

MAX_POOL = Call("pool", "tpoo fll ll", "max_pool2d")
MAX_POOL_GRADIENT = Call("pool", "topp fll ll", MAX_POOL.op)
AVERAGE_POOL = Call("pool", MAX_POOL.kinds, "avg_pool2d")
AVERAGE_POOL_GRADIENT = Call("pool", MAX_POOL_GRADIENT.kinds, AVERAGE_POOL.op)
FORWARD, BACKWARD = False, True


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
    (ho, wo), windows = windows_of(x.shape, size, stride, padding, dilation, ceil_mode)
    kh, kw = pair(size)
    if kh * kw > 256 or min(ho, wo) < 1:  # more elements than one byte can number; no window
        return NotImplemented
    n, c, h, w = x.shape
    y = np.empty((c, ho, wo, n), x.dtype)
    winner = np.empty(y.shape, np.uint8)
    work = sharing(c, PASS * x.size)
    MAX_POOL(windows, batch_last(x), y, winner, 0.0, False, FORWARD, *work)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        dx = np.empty((c, h, w, n), x.dtype)
        dy = batch_last(cotangent(dy, logical(y)))
        MAX_POOL_GRADIENT(windows, dx, dy, winner, 0.0, False, BACKWARD, *work)
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
    """Pool by means."""
    if not serves(x):
        return NotImplemented
    (ho, wo), windows = windows_of(x.shape, size, stride, padding, dilation, ceil_mode)
    if min(ho, wo) < 1:
        return NotImplemented
    n, c, h, w = x.shape
    y = np.empty((c, ho, wo, n), x.dtype)
    share = (0.0 if divisor is None else 1.0 / divisor, count_include_pad)
    work = sharing(c, PASS * x.size)
    AVERAGE_POOL(windows, batch_last(x), y, None, *share, FORWARD, *work)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        dx = np.empty((c, h, w, n), x.dtype)
        dy = batch_last(cotangent(dy, logical(y)))
        AVERAGE_POOL_GRADIENT(windows, dx, dy, None, *share, BACKWARD, *work)
        return (logical(dx),)

    return logical(y), pullback


def global_avg_pool2d(x: Array) -> Any:
    """Pool whole images by means."""
    result = avg_pool2d(x, size=x.shape[2:])
    if result is NotImplemented:
        return NotImplemented
    y, back = result

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        (dx,) = back(cotangent(dy, y[:, :, 0, 0])[:, :, None, None], wants)
        return (dx,)

    return y[:, :, 0, 0], pullback


@lru_cache(maxsize=1024)
def windows_of(
    shape: tuple[int, ...], size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Pair, Array]:
    """Return (ho, wo), and the fields of `Windows` in pool.c."""
    n, c, h, w = shape
    step = size if stride is None else stride
    around = sides(padding, (h, w), size, step, dilation)
    axes = zip((h, w), pair(size), pair(step), pair(dilation), around, strict=True)
    fields, out = [c, n], []
    for length, k, s, d, (before, after) in axes:
        last = length + before + after - d * (k - 1) - 1  # where the last window could start
        count = (-(-last // s) if ceil_mode else last // s) + 1
        if ceil_mode and (count - 1) * s >= length + before:  # it would start in the padding
            count -= 1
        out.append(count)
        fields += [length, count, k, s, d, before, after]
    return (out[0], out[1]), np.asarray(fields, LONG)
