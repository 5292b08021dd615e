"""ReLU and the update of parameters in C (pointwise.c): float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..elementwise import laid_out_as
from ..layout import Array
from ..threads import sharing
from .library import Call, serves

RELU = Call("relu", "pp lll")
RELU_GRADIENT = Call("relu_gradient", "ppp lll")
MOMENTUM_UPDATE = Call("momentum_update", "ppppp ffl lll")
PASS = 8  # multiplications that take as long as a pass over a number


def relu(x: Array) -> Any:
    """Rectify, in the memory order of x."""
    if not serves(x):
        return NotImplemented
    y = np.empty_like(x)
    RELU(laid_out_as(y, x), y, x.size, *sharing(x.size, PASS * x.size))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        return (relu_gradient(dy, y) if wants is None or wants[0] else None,)

    return y, pullback


def relu_gradient(dy: Array, y: Array) -> Array:
    """Return dy where y is not 0, in the memory order of y."""
    dy, dx = dy.astype(y.dtype, copy=False), np.empty_like(y)
    RELU_GRADIENT(laid_out_as(y, dy), y, dx, y.size, *sharing(y.size, PASS * y.size))
    return dx


def momentum_update(
    p: Array, g: Array, v: Array, lr: Array, *, momentum: float, nesterov: bool
) -> Any:
    """Return the parameter and the velocity after a step, in one pass."""
    if not serves(p) or any((a.shape, a.dtype) != (p.shape, p.dtype) for a in (g, v)):
        return NotImplemented
    new, velocity = np.empty(p.shape, p.dtype), np.empty(p.shape, p.dtype)
    p, g, v = map(np.ascontiguousarray, (p, g, v))
    MOMENTUM_UPDATE(
        p, g, v, new, velocity, float(lr), momentum, nesterov, p.size, *sharing(p.size, PASS * p.size)
    )
    return new, velocity
