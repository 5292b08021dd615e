"""Convolution on a GPU, alone, or with ReLU and pooling.

For windows of few elements by `kernels/conv.cu`, compiled for each geometry: one launch forward;
backward one for dw and db, and one for dx. For others as a matrix product, see `patches.py`. The
backward pass needs y and, of each pooling window, which pixel was the largest: one byte.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy

from ..geometry import pair
from .cuda import Array, Cuda, serves_half, summing
from .patches import convolve
from .pool import MOST_TAPS
from .windows import braced, windows_over

MOST_PRODUCTS = 256
"""Most elements of a window over all channels of a group; above, a matrix product over patches is
expected to be faster. Not measured."""


@cache
def constants(
    channels: int, filters: int, groups: int, pool: tuple[int, int], rectify: bool, windows: str
) -> str:
    """Return what `conv.cu` is compiled for: its structs Conv and Windows as lines of #define."""
    conv = braced((channels, filters, groups, *pool, rectify))
    return f"#define CONV {conv}\n#define WINDOWS {windows}\n"


def conv2d(
    cuda: Cuda,
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolve, with or without groups."""
    return _convolved(cuda, (x, w, b), stride, padding, dilation, groups, (1, 1))


def conv_relu_pool(
    cuda: Cuda,
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    pool: Any = None,
    limit: float | None = None,
    grad: bool = True,
) -> Any:
    """Compute pool(relu(conv(x, w) + b)), without a limit; nothing between them is stored."""
    if limit is not None:
        return NotImplemented
    size = (1, 1) if pool is None else pair(pool)
    return _convolved(
        cuda, (x, w, b), stride, padding, dilation, groups, size, rectify=True, grad=grad
    )


def _convolved(
    cuda: Cuda,
    arrays: tuple[Array, Array, Array | None],
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    pool: tuple[int, int],
    *,
    rectify: bool = False,
    grad: bool = True,
) -> Any:
    products = math.prod(arrays[1].shape[1:])
    is_large = products > MOST_PRODUCTS
    if not serves_half(*arrays) or (is_large and groups > 1) or pool[0] * pool[1] > MOST_TAPS:
        return NotImplemented
    cuda = cuda.like(arrays[0])
    x, w, b = map(cuda.ordered, arrays)
    n, c = x.shape[:2]
    f = w.shape[0]
    windows = windows_over(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = cuda.empty((n, f, windows.rows // pool[0], windows.columns // pool[1]))
    if not serves_half(y):
        return NotImplemented  # a pooling window larger than the image: the reference rejects it
    keeps_winner = grad and pool != (1, 1)
    if is_large:
        return convolve(cuda, x, w, b, windows, pool, rectify=rectify, keeps_winner=keeps_winner)
    winner = cuda.empty(y.shape, "uint8") if keeps_winner else None
    own = cuda.compiled_for(constants(c, f, groups, pool, rectify, windows.constant))
    own.each("conv.cu", "conv", y.size, x, w, b, y, winner)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        passed = cuda.ordered(dy), y if rectify else None, winner
        dx = cuda.empty(x.shape) if want_dx else None
        dw = cuda.empty(w.shape) if want_dw else None
        db = cuda.empty(b.shape) if want_db and b is not None else None
        if dx is not None:
            own.each("conv.cu", "conv_dx", dx.size, *passed, w, dx)
        if dw is not None or db is not None:
            grid, threads = (products + 1, f), summing(y.size // f)
            rest = numpy.uint32(n), *passed, x, dw, db
            own.blocks("conv.cu", "conv_dw", grid, threads, *rest)
        return dx, dw, db

    return y, pullback
