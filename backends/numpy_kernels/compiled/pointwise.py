"""Activations and sums in C, by the table of functions in pointwise.c: float32."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..elementwise import laid_out_as
from ..layout import Array
from ..threads import sharing
from .shared_library import Call, serves

PASS = 8  # multiplications that take as long as a pass over one number

NO_RELU = 0.0  # as the `cap` of a function in C

POINTWISE = Call("pointwise", "tppo ff llll")


def run(name: str, x: Array, a: float = 0.0, b: float = 0.0, *, keeps: str = "x") -> Any:
    """Return f(x) of the line `name` with hyperparameters a and b, and its pullback.

    Both work in the memory order of x. keeps: "x" or "y", whichever the line's dx is made of.
    """
    if not serves(x):
        return NotImplemented
    y = np.empty_like(x)
    x = laid_out_as(y, x)
    channels = x.shape[1] if x.ndim == 4 else 1
    write(f"{name}_forward", y, x, None, a, b, channels=channels)
    kept = x if keeps == "x" else y

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (_gradient(name, dy, kept, a, b, channels=channels),)

    return y, pullback


def _gradient(
    name: str, dy: Array, kept: Array, a: float = 0.0, b: float = 0.0, *, channels: int
) -> Array:
    dx = np.empty_like(kept)
    write(f"{name}_backward", dx, kept, laid_out_as(kept, dy), a, b, channels=channels)
    return dx


def write(
    name: str,
    out: Array,
    x: Array,
    other: Array | None,
    a: float = 0.0,
    b: float = 0.0,
    *,
    channels: int,
) -> None:
    """Write a function of x, and of `other` if it takes two; all in one memory order.

    channels: parts of memory, of each of which every thread takes one part, as a convolution does.

    Raises:
        KeyError: pointwise.c has no function of this name.
    """
    channels = max(1, channels)  # of no filters
    sizes = channels, x.size // channels, *sharing(x.size, PASS * x.size)
    if POINTWISE(_text(name), x, other, out, a, b, *sizes) is not None:
        raise KeyError(f"pointwise.c has no function {name!r}")


@cache
def _text(name: str) -> Array:
    """Return the bytes of a name as C reads them."""
    return np.array(name, "S32")


def relu_gradient(dy: Array, y: Array, limit: float | None = None, *, channels: int) -> Array:
    """Return dy where y is not 0, nor the limit, otherwise 0; channels: see `write`."""
    if limit is None:
        return _gradient("relu", dy, y, channels=channels)
    return _gradient("hard_tanh", dy, y, 0.0, limit, channels=channels)


def cap_of(limit: float | None) -> float:
    """Return the `cap` of a ReLU in C: its largest value, NaN without a limit."""
    return math.nan if limit is None else limit


def relu(x: Array) -> Any:
    return run("relu", x, keeps="y")


def leaky_relu(x: Array, *, slope: float = 0.01) -> Any:
    return run("leaky_relu", x, slope)


def elu(x: Array, *, alpha: float = 1.0) -> Any:
    return run("selu", x, alpha, 1.0)


def selu(
    x: Array,
    *,
    alpha: float = 1.6732632423543772848170429916717,
    scale: float = 1.0507009873554804934193349852946,
) -> Any:
    return run("selu", x, alpha, scale)


def gelu(x: Array, *, approximate: str = "none") -> Any:
    return run("gelu" if approximate == "none" else "gelu_tanh", x)


def silu(x: Array) -> Any:
    return run("silu", x)


def mish(x: Array) -> Any:
    return run("mish", x)


def softplus(x: Array, *, beta: float = 1.0, threshold: float = 20.0) -> Any:
    return run("softplus", x, beta, threshold)


def softsign(x: Array) -> Any:
    return run("softsign", x)


def hard_sigmoid(x: Array, *, slope: float = 1 / 6, offset: float = 0.5) -> Any:
    return run("hard_sigmoid", x, slope, offset, keeps="y")


def hard_swish(x: Array) -> Any:
    return run("hard_swish", x)


def hard_tanh(x: Array, *, low: float = -1.0, high: float = 1.0) -> Any:
    return run("hard_tanh", x, low, high, keeps="y")


def relu6(x: Array) -> Any:
    return run("hard_tanh", x, 0.0, 6.0, keeps="y")


def sigmoid(x: Array) -> Any:
    return run("sigmoid", x, keeps="y")


def tanh(x: Array) -> Any:
    return run("tanh", x, keeps="y")


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    kernel.__name__: kernel
    for kernel in (
        *(relu, leaky_relu, elu, selu, gelu, silu, mish, softplus, softsign),
        *(hard_sigmoid, hard_swish, hard_tanh, relu6, sigmoid, tanh),
    )
}
