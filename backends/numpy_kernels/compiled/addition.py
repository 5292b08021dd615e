"""Sums of two arrays in C (pointwise.c), alone and with ReLU: float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..elementwise import laid_out_as
from ..layout import Array
from .pointwise import relu_gradient, write
from .shared_library import serves


def add(x: Array, other: Array) -> Any:
    """Add, in the memory order of x."""
    return _add(x, other, relu=False)


def add_relu(x: Array, other: Array) -> Any:
    """Compute relu(x + other), in the memory order of x."""
    return _add(x, other, relu=True)


def _add(x: Array, other: Array, *, relu: bool) -> Any:
    if not serves(x):
        return NotImplemented
    y, channels = np.empty_like(x), x.shape[1] if x.ndim == 4 else 1
    terms = laid_out_as(y, x), laid_out_as(y, other)
    write("add_relu" if relu else "add", y, *terms, channels=channels)
    kept = y if relu else None

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dx, want_dother = wants or (True, True)
        if kept is not None and (want_dx or want_dother):
            dy = relu_gradient(dy, kept, channels=channels)
        return (dy if want_dx else None), (dy if want_dother else None)

    return y, pullback
