"""Activations in C (pointwise.c, squash.c): float32."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..elementwise import laid_out_as
from ..layout import Array, cotangent
from ..threads import sharing
from .shared_library import Call, serves

PASS = 8  # multiplications that take as long as a pass over one number


def activation(name: str) -> tuple[Callable[[Array], Any], Callable[[Array, Array], Array]]:
    """Return the kernel of a function of that name in C, and (dy, y) -> dx.

    Both work in the memory order of their second array, which x or y is.
    """
    forward = Call(name, "pp lll")
    backward = Call(f"{name}_gradient", "ppp lll")

    def gradient(dy: Array, y: Array) -> Array:
        dy, dx = cotangent(dy, y), np.empty_like(y)
        backward(laid_out_as(y, dy), y, dx, y.size, *sharing(y.size, PASS * y.size))
        return dx

    def kernel(x: Array) -> Any:
        if not serves(x):
            return NotImplemented
        y = np.empty_like(x)
        forward(laid_out_as(y, x), y, x.size, *sharing(x.size, PASS * x.size))

        def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
            return (gradient(dy, y) if wants is None or wants[0] else None,)

        return y, pullback

    return kernel, gradient


relu, relu_gradient = activation("relu")
sigmoid, _ = activation("sigmoid")
tanh, _ = activation("hyperbolic_tangent")
