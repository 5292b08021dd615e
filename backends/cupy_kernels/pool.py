"""Pooling by `kernels/pool.cu`: one launch forward, one backward."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from ..geometry import pair
from .cuda import Array, Cuda, serves_half
from .windows import windows_over

MOST_TAPS = 256  # elements of a window that one byte can number


def max_pool2d(
    cuda: Cuda,
    x: Array,
    *,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Any:
    """Pool by maxima; keep which element won each window, one byte, instead of x."""
    kh, kw = pair(size)
    if not serves_half(x) or kh * kw > MOST_TAPS:
        return NotImplemented
    cuda = cuda.like(x)
    stride = size if stride is None else stride
    windows = windows_over(x.shape[2:], size, stride, padding, dilation, ceil_mode)
    y = cuda.empty((*x.shape[:2], windows.rows, windows.columns))
    winner = cuda.empty(y.shape, "uint8")
    cuda.each("pool.cu", "max_pool", y.size, cuda.ordered(x), y, winner, windows.struct)
    return y, _pullback(
        cuda, x.shape, lambda dy, dx: ("max_pool_backward", dy, winner, dx, windows.struct)
    )


def avg_pool2d(
    cuda: Cuda,
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
    """Pool by means: sum each window, and divide by the same number as the reference."""
    if not serves_half(x):
        return NotImplemented
    cuda = cuda.like(x)
    stride = size if stride is None else stride
    windows = windows_over(x.shape[2:], size, stride, padding, dilation, ceil_mode)
    options = windows.struct, numpy.float32(divisor or 0.0), numpy.int32(count_include_pad)
    y = cuda.empty((*x.shape[:2], windows.rows, windows.columns))
    cuda.each("pool.cu", "avg_pool", y.size, cuda.ordered(x), y, *options)
    return y, _pullback(cuda, x.shape, lambda dy, dx: ("avg_pool_backward", dy, dx, *options))


def _pullback(
    cuda: Cuda, shape: tuple[int, ...], call: Callable[[Array, Array], tuple[Any, ...]]
) -> Callable[..., tuple[Array | None]]:
    """Return the pullback: `call` returns kernel and arguments of its launch for dy and dx."""

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        dx = cuda.empty(shape)
        kernel, *arguments = call(cuda.ordered(dy), dx)
        cuda.each("pool.cu", kernel, dx.size, *arguments)
        return (dx,)

    return pullback
