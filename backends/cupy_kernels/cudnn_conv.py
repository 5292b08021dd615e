"""Convolution on a GPU by cuDNN, alone, or with ReLU and pooling; in float32 and half precision.

Forward one launch with bias and ReLU, backward one each for dx and dw, and sums for db; pooling by
`pool.py`. What cuDNN has no engine for, the kernels of `conv.py` compute.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..geometry import pair, sides
from . import conv
from .cuda import Array, Cuda
from .cudnn_graph import Convolution
from .cudnn_plans import Cudnn
from .pool import max_pool2d

DTYPES = ("float32", "float16")


def conv2d(
    cuda: Cuda, cudnn: Cudnn, x: Array, w: Array, b: Array | None = None, **options: Any
) -> Any:
    """Convolve by cuDNN; `options` as of `conv.conv2d`."""
    found = _convolved(cuda, cudnn, x, w, b, **options)
    return conv.conv2d(cuda, x, w, b, **options) if found is NotImplemented else found


def conv_relu_pool(
    cuda: Cuda,
    cudnn: Cudnn,
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    pool: Any = None,
    limit: float | None = None,
    grad: bool = True,
    **options: Any,
) -> Any:
    """Compute pool(relu(conv(x, w) + b)), without a limit; `options` as of `conv.conv2d`."""
    if limit is not None or b is None:  # cuDNN has no engine for ReLU without a bias before it
        return NotImplemented
    found = _convolved(cuda, cudnn, x, w, b, rectify=True, **options)
    if found is NotImplemented:
        return conv.conv_relu_pool(cuda, x, w, b, pool=pool, grad=grad, **options)
    if pool is None:
        return found
    y, conv_back = found
    pooled = max_pool2d(cuda, y, size=pool)
    if pooled is NotImplemented:
        return NotImplemented  # large windows: one op after the other
    y, pool_back = pooled

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> Any:
        return conv_back(*pool_back(dy), wants)

    return y, pullback


def _convolved(
    cuda: Cuda,
    cudnn: Cudnn,
    x: Array,
    w: Array,
    b: Array | None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,  # as the shapes say
    rectify: bool = False,
) -> Any:
    names = {a.dtype.name for a in (x, w, b) if a is not None}
    sizes = (*map(math.prod, (x.shape, w.shape)),)
    if len(names) > 1 or x.dtype.name not in DTYPES or not all(0 < n < 2**31 for n in sizes):
        return NotImplemented
    tf32 = x.dtype.name == "float32" and cuda.tf32
    rule = stride, padding, dilation, b is not None, rectify
    forward, to_dx, to_dw = passes(x.dtype.name, tf32, x.shape, w.shape, *rule)
    if min(forward.out) < 1 or math.prod(forward.out) >= 2**31:
        return NotImplemented
    if not all(map(cudnn.serves, (forward, to_dx, to_dw))):
        return NotImplemented
    y = cudnn.run(forward, [x, w] if b is None else [x, w, b])

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        want_db = want_db and b is not None
        if rectify and (want_dx or want_dw or want_db):
            dy = _unrectified(cuda, dy, y)
        dx = cudnn.run(to_dx, [dy, w]) if want_dx else None
        dw = cudnn.run(to_dw, [x, dy]) if want_dw else None
        return dx, dw, _sums(dy) if want_db else None

    return y, pullback


@cache
def passes(
    dtype: str,
    tf32: bool,
    image: tuple[int, ...],
    filters: tuple[int, ...],
    stride: Any,
    padding: Any,
    dilation: Any,
    bias: bool,
    rectify: bool,
) -> tuple[Convolution, Convolution, Convolution]:
    """Return the forward pass, and what computes dx and dw."""
    around = sides(padding, (image[2], image[3]), filters[2:], stride, dilation)
    axes = zip(image[2:], filters[2:], pair(stride), pair(dilation), around, strict=True)
    rows, columns = ((n + sum(a) - d * (k - 1) - 1) // s + 1 for n, k, s, d, a in axes)
    before, after = zip(*around, strict=True)
    shapes = image, filters, (image[0], filters[0], rows, columns)
    rule = pair(stride), before, after, pair(dilation)
    forward = Convolution("forward", dtype, tf32, *shapes, *rule, bias, rectify)
    to_dx, to_dw = (
        forward._replace(direction=way, bias=False, rectify=False) for way in ("dx", "dw")
    )
    return forward, to_dx, to_dw


def _unrectified(cuda: Cuda, dy: Array, y: Array) -> Array:
    """Return the gradient of what ReLU made y of: dy where y is not 0."""
    cuda = cuda.like(y)
    dx = cuda.empty(y.shape)
    cuda.each("elementwise.cu", "relu_backward", dx.size, cuda.ordered(dy), y, dx)
    return dx


def _sums(dy: Array) -> Array:
    """Return db (f,), in two sums: over the pixels of an image, then over images."""
    n, f = dy.shape[:2]
    sums = dy.reshape(n, f, -1).sum(axis=2, dtype="float32").sum(axis=0)
    return sums.astype(dy.dtype, copy=False)
