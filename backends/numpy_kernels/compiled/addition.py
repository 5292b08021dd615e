"""Sums of two arrays in C (add.c), alone and with ReLU: float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..elementwise import laid_out_as
from ..layout import Array, cotangent
from ..threads import sharing
from .pointwise import PASS, relu_gradient
from .shared_library import Call, serves

ADD = Call("add", "ppo ll ll")


def add(x: Array, other: Array) -> Any:
    """Add, in the memory order of x."""
    return _add(x, other, relu=False)


def add_relu(x: Array, other: Array) -> Any:
    """Compute relu(x + other), in the memory order of x."""
    return _add(x, other, relu=True)


def _add(x: Array, other: Array, *, relu: bool) -> Any:
    if not serves(x):
        return NotImplemented
    y = np.empty_like(x)
    terms = laid_out_as(y, x), laid_out_as(y, other)
    ADD(*terms, y, y.size, relu, *sharing(y.size, PASS * y.size))

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dx, want_dother = wants or (True, True)
        dy = cotangent(dy, y)
        if relu and (want_dx or want_dother):
            dy = relu_gradient(dy, y)
        return (dy if want_dx else None), (dy if want_dother else None)

    return y, pullback
