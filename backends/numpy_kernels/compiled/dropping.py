"""Dropout and its random numbers in C (dropout.c, uniform.c): float32."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..elementwise import laid_out_as
from ..layout import Array
from ..recording import fill
from ..threads import sharing
from .pointwise import PASS
from .shared_library import Call, load, serves

UNIFORM = Call("uniform", "po lll")
DROPOUT = Call("dropout", "ppo ff llll")
WORDS = 8  # numbers of a block
DRAW = 64  # multiplications that take as long as a number


def uniform(key: int, step: Any, shape: tuple[int, ...], first: int = 0) -> Any:
    """Draw the numbers of `xpcnn.random`, see `Backend.uniform`."""
    if load().calls is None:
        return NotImplemented
    block, skip = divmod(first, WORDS)
    out = np.empty(skip + math.prod(shape), "float32")
    stream = fill(_stream, np.empty(4, "uint64"), np.asarray(step), key=key, block=block)
    UNIFORM(stream, out, out.size, *sharing(-(-out.size // WORDS), DRAW * out.size))
    return out[skip:].reshape(shape)


def _stream(step: Array, *, key: int, block: int, out: Array) -> None:
    out[:] = key % 2**64, key >> 64, block, step


def dropout(x: Array, uniform: Array, *, rate: float) -> Any:
    """Drop elements of x, whose samples are the last axis of its memory."""
    is_served = serves(x) and uniform.dtype == x.dtype and uniform.flags.c_contiguous
    if not is_served or x.flags.c_contiguous or not np.moveaxis(x, 0, -1).flags.c_contiguous:
        return NotImplemented

    def dropped(a: Array) -> Array:
        y, n = np.empty_like(a), len(a)
        work = sharing(a.size // n, PASS * a.size)
        DROPOUT(a, uniform, y, rate, 1.0 / (1.0 - rate), a.size // n, n, *work)
        return y

    y = dropped(x)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, None]:
        dy = laid_out_as(y, dy)
        return (dropped(dy) if wants is None or wants[0] else None), None

    return y, pullback
