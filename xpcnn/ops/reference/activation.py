"""Activations: every function beside its derivative.

A function `f(x)` is elementwise; its derivative `d_f(x, y)` may use the output y = f(x). The op
made of the two by `elementwise` has the pullback dx = dy * d_f(x, y). Array API functions only;
writes into no array. Output dtype = input dtype. NaN propagates through all of them.

To add an activation: examples/guides/adding.md. One for a single program needs no entry here:
`layers.Activation(f, df)`.
"""

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from xpcnn.ops.reference.error_function import erf
from xpcnn.types import Array, Pullback, namespace

_AS_AN_OP = """
    The op returns (y, pullback). x is an array of any shape and floating dtype; y has both. The
    pullback is dy -> (dx,) with dx = dy * derivative.
    """


def elementwise(
    f: Callable[..., Array], df: Callable[..., Array]
) -> Callable[..., tuple[Array, Pullback]]:
    """Return the op of an elementwise function and its derivative: dx = dy * df(x, y).

    Args:
        f: from x, and hyperparameters by keyword, to y.
        df: from x, y and the same hyperparameters to the derivative.

    Returns:
        the op: op(x, **hyperparameters) -> (y, pullback), with the docstring of `f`.
    """

    @wraps(f)
    def run(x: Array, **hyperparameters: Any) -> tuple[Array, Pullback]:
        y = f(x, **hyperparameters)

        def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
            if wants is not None and not wants[0]:
                return (None,)
            return (dy * df(x, y, **hyperparameters),)

        return y, pullback

    run.__doc__ = f"{(f.__doc__ or '').rstrip()}\n{_AS_AN_OP}"
    return run


def relu(x: Array) -> Array:
    """y = max(x, 0). Derivative: 1 where x > 0, otherwise 0, at x = 0 too.

    Kernels: NumPy calls, C, CUDA.
    """
    return namespace(x).where(x <= 0, 0.0, x)


def d_relu(x: Array, y: Array) -> Array:
    return namespace(x).where(x <= 0, 0.0, namespace(x).ones_like(x))


def leaky_relu(x: Array, *, slope: float = 0.01) -> Array:
    """y = x where x > 0, otherwise slope * x. Derivative: 1 or slope.

    slope: any finite number.

    Kernels: C.
    """
    return namespace(x).where(x > 0, x, slope * x)


def d_leaky_relu(x: Array, y: Array, *, slope: float = 0.01) -> Array:
    return namespace(x).where(x > 0, 1.0, namespace(x).full_like(x, slope))


def elu(x: Array, *, alpha: float = 1.0) -> Array:
    """y = x where x > 0, otherwise alpha (e^x - 1). Derivative: 1 or y + alpha.

    alpha: any finite number; y approaches -alpha for x far below 0.

    Source: Clevert et al. 2015, arXiv:1511.07289.

    Kernels: C.
    """
    xp = namespace(x)
    return xp.where(x > 0, x, alpha * xp.expm1(xp.where(x > 0, 0.0, x)))


def d_elu(x: Array, y: Array, *, alpha: float = 1.0) -> Array:
    return namespace(x).where(x > 0, 1.0, y + alpha)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu(x: Array, *, alpha: float = SELU_ALPHA, scale: float = SELU_SCALE) -> Array:
    """y = scale * elu(x, alpha). Derivative: scale or y + scale * alpha.

    alpha, scale: with the defaults, mean and variance of activations approach 0 and 1 from layer
        to layer.

    Source: Klambauer et al. 2017, arXiv:1706.02515.

    Kernels: C.
    """
    return scale * elu(x, alpha=alpha)


def d_selu(x: Array, y: Array, *, alpha: float = SELU_ALPHA, scale: float = SELU_SCALE) -> Array:
    return namespace(x).where(x > 0, scale, y + scale * alpha)


def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + e^-x), in two branches so that nothing overflows. Derivative: y (1 - y).

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(x)
    e = xp.exp(xp.where(x >= 0, -x, x))  # not -|x|, whose derivative at 0 is another
    return xp.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))


def d_sigmoid(x: Array, y: Array) -> Array:
    return y * (1.0 - y)


def tanh(x: Array) -> Array:
    """y = tanh x. Derivative: 1 - y^2.

    Kernels: NumPy calls, C, CUDA.
    """
    return namespace(x).tanh(x)


def d_tanh(x: Array, y: Array) -> Array:
    return 1.0 - y * y


def silu(x: Array) -> Array:
    """y = x s with s = sigmoid(x), also called swish. Derivative: s (1 + x (1 - s)).

    Source: Elfwing et al. 2017, arXiv:1702.03118.

    Kernels: C.
    """
    return x * sigmoid(x)


def d_silu(x: Array, y: Array) -> Array:
    s = sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


def softplus(x: Array, *, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """y = log(1 + e^(beta x)) / beta, stable: max(x, 0) + log1p(e^-|beta x|) / beta.

    Where beta x > threshold, y = x, as in PyTorch. Derivative: sigmoid(beta x), or 1.

    beta: above 0; the larger, the closer to ReLU.
    threshold: any number.

    Kernels: C.
    """
    xp = namespace(x)
    u = beta * x
    e = xp.exp(xp.where(x <= 0, u, -u))  # not -|u|, whose derivative at 0 is another
    y = xp.where(x <= 0, 0.0, x) + xp.log1p(e) / beta
    return xp.where(u > threshold, x, y)


def d_softplus(x: Array, y: Array, *, beta: float = 1.0, threshold: float = 20.0) -> Array:
    return namespace(x).where(beta * x > threshold, 1.0, sigmoid(beta * x))


def mish(x: Array) -> Array:
    """y = x t with t = tanh(softplus(x)). Derivative: t + x (1 - t^2) sigmoid(x).

    Source: Misra 2019, arXiv:1908.08681.

    Kernels: C.
    """
    return x * namespace(x).tanh(softplus(x))


def d_mish(x: Array, y: Array) -> Array:
    t = namespace(x).tanh(softplus(x))
    return t + x * (1.0 - t * t) * sigmoid(x)


def softsign(x: Array) -> Array:
    """y = x / (1 + |x|). Derivative: 1 / (1 + |x|)^2.

    Kernels: C.
    """
    return x / (1.0 + namespace(x).abs(x))


def d_softsign(x: Array, y: Array) -> Array:
    d = 1.0 + namespace(x).abs(x)
    return 1.0 / (d * d)


def hard_sigmoid(x: Array, *, slope: float = 1 / 6, offset: float = 0.5) -> Array:
    """y = slope * x + offset, limited to [0, 1]. Derivative: slope where 0 < y < 1, otherwise 0.

    slope, offset: of the line; the defaults are those of PyTorch and ONNX's HardSwish.

    Kernels: C.
    """
    line = slope * x + offset
    xp = namespace(x)
    return xp.where(line <= 0, 0.0, xp.where(line >= 1, 1.0, line))


def d_hard_sigmoid(x: Array, y: Array, *, slope: float = 1 / 6, offset: float = 0.5) -> Array:
    xp = namespace(x)
    return xp.where((y <= 0) | (y >= 1), 0.0, xp.full_like(x, slope))


def hard_swish(x: Array) -> Array:
    """y = x * hard_sigmoid(x). Derivative: 0 below -3, 1 above 3, x/3 + 1/2 between.

    Source: Howard et al. 2019, arXiv:1905.02244.

    Kernels: C.
    """
    return x * hard_sigmoid(x)


def d_hard_swish(x: Array, y: Array) -> Array:
    xp = namespace(x)
    return xp.where(x <= -3, 0.0, xp.where(x >= 3, 1.0, x / 3.0 + 0.5))


def hard_tanh(x: Array, *, low: float = -1.0, high: float = 1.0) -> Array:
    """y = x, limited to [low, high]. Derivative: 1 where low < x < high, otherwise 0.

    low, high: the bounds, low <= high; infinite for none.

    Kernels: C.
    """
    xp = namespace(x)
    return xp.where(x <= low, low, xp.where(x >= high, high, x))


def d_hard_tanh(x: Array, y: Array, *, low: float = -1.0, high: float = 1.0) -> Array:
    xp = namespace(x)
    return xp.where((x <= low) | (x >= high), 0.0, xp.ones_like(x))


def relu6(x: Array) -> Array:
    """y = x, limited to [0, 6]. Derivative: 1 where 0 < x < 6, otherwise 0.

    Source: Sandler et al. 2018, arXiv:1801.04381.

    Kernels: C.
    """
    return hard_tanh(x, low=0.0, high=6.0)


def d_relu6(x: Array, y: Array) -> Array:
    return d_hard_tanh(x, y, low=0.0, high=6.0)


def gelu(x: Array, *, approximate: str = "none") -> Array:
    """y = x Phi(x), Phi the normal distribution function. Derivative: Phi(x) + x phi(x).

    approximate: "none", or "tanh" for Phi(x) ~ (1 + t)/2 with t = tanh u and
        u = sqrt(2/pi) (x + 0.044715 x^3); derivative (1 + t)/2 + x (1 - t^2)/2 * du/dx.

    Source: Hendrycks and Gimpel 2016, arXiv:1606.08415.

    Kernels: C.
    """
    if approximate == "tanh":
        return 0.5 * x * (1.0 + namespace(x).tanh(_gelu_u(x)))
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))


def d_gelu(x: Array, y: Array, *, approximate: str = "none") -> Array:
    xp = namespace(x)
    if approximate == "tanh":
        t = xp.tanh(_gelu_u(x))
        du = math.sqrt(2.0 / math.pi) * (1.0 + 3 * 0.044715 * x * x)
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * du
    density = xp.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return 0.5 * (1.0 + erf(x / math.sqrt(2.0))) + x * density


def _gelu_u(x: Array) -> Array:
    return math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)
