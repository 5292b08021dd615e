"""Elementwise ops by `kernels/elementwise.cu`: one launch forward, one backward."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from .cuda import Array, Cuda, serves, serves_half


def kernel_of(name: str, *, selects: bool = False) -> Callable[[Cuda, Array], Any]:
    """Return the kernel of a function whose derivative needs only its output.

    selects: whether the derivative is 0 or 1; of others it is computed from x in float16, as the
        output has too few digits.
    """

    def kernel(cuda: Cuda, x: Array) -> Any:
        if not serves_half(x):
            return NotImplemented
        cuda, x = cuda.like(x), cuda.ordered(x)
        y = cuda.empty(x.shape)
        cuda.each("elementwise.cu", f"{name}_forward", y.size, x, y)
        by_output = selects or cuda.dtype == "float32"
        kept, backward = (y, "backward") if by_output else (x, "backward_from_x")

        def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
            if wants is not None and not wants[0]:
                return (None,)
            dx = cuda.empty(kept.shape)
            cuda.each("elementwise.cu", f"{name}_{backward}", dx.size, cuda.ordered(dy), kept, dx)
            return (dx,)

        return y, pullback

    return kernel


relu = kernel_of("relu", selects=True)
sigmoid, tanh = kernel_of("sigmoid"), kernel_of("tanh")


def add_relu(cuda: Cuda, x: Array, other: Array) -> Any:
    """Compute relu(x + other); both gradients are one array."""
    if not serves_half(x, other):
        return NotImplemented
    cuda = cuda.like(x)
    y = cuda.empty(x.shape)
    cuda.each("elementwise.cu", "add_relu", y.size, cuda.ordered(x), cuda.ordered(other), y)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dx, want_dother = wants or (True, True)
        if not (want_dx or want_dother):
            return None, None
        dx = cuda.empty(x.shape)
        cuda.each("elementwise.cu", "relu_backward", dx.size, cuda.ordered(dy), y, dx)
        return (dx if want_dx else None), (dx if want_dother else None)

    return y, pullback


def dropout(cuda: Cuda, x: Array, uniform: Array, *, rate: float) -> Any:
    """Drop elements; the gradient is dropped by the same mask."""
    if not serves_half(x) or not serves(uniform):
        return NotImplemented
    cuda = cuda.like(x)
    rule = cuda.ordered(uniform), numpy.float32(rate), numpy.float32(1.0 / (1.0 - rate))

    def dropped(x: Array) -> Array:
        y = cuda.empty(x.shape)
        cuda.each("elementwise.cu", "dropout", y.size, cuda.ordered(x), *rule, y)
        return y

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, None]:
        return (dropped(dy) if wants is None or wants[0] else None), None

    return dropped(x), pullback


def normalise(cuda: Cuda, x: Array, mean: Array, std: Array) -> Any:
    """Normalise raw samples, uint8 or float32, into float32."""
    if not serves(mean, std) or x.dtype.name not in ("uint8", "float32") or not 0 < x.size < 2**31:
        return NotImplemented
    sizes = numpy.uint32(x.shape[1]), numpy.uint32(math.prod(x.shape[2:]))
    y = cuda.empty(x.shape)
    arrays = map(cuda.ordered, (x, mean, std))
    cuda.each("elementwise.cu", f"normalise_{x.dtype.name}", y.size, *sizes, *arrays, y)
    return y
