"""Average pooling in C (pool.c): float32, windows side by side, without padding."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...geometry import pair
from ..layout import Array, batch_last, cotangent, logical
from ..threads import sharing
from .pointwise import PASS
from .shared_library import Call, serves

AVERAGE_POOL = Call("average_pool", "pp llllll f ll")
AVERAGE_POOL_GRADIENT = Call("average_pool_gradient", "pp llllll f ll")


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
    ph, pw = pair(size)
    n, c, h, w = x.shape
    apart = stride is None or pair(stride) == (ph, pw)
    plain = apart and padding in (0, (0, 0), "valid") and pair(dilation) == (1, 1)
    overhangs = ceil_mode and (h % ph or w % pw)
    if not serves(x) or not plain or overhangs or ph > h or pw > w:
        return NotImplemented
    y = np.empty((c, h // ph, w // pw, n), x.dtype)
    share = 1.0 / (ph * pw if divisor is None else divisor)
    shape = (c, h, w, n, ph, pw, share, *sharing(c * (h // ph), PASS * x.size))
    AVERAGE_POOL(batch_last(x), y, *shape)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        dx = (np.zeros if h % ph or w % pw else np.empty)((c, h, w, n), x.dtype)
        AVERAGE_POOL_GRADIENT(batch_last(cotangent(dy, logical(y))), dx, *shape)
        return (logical(dx),)

    return logical(y), pullback
