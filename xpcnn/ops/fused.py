"""Fused ops: several ops in one pass, for kernels that keep fewer intermediate arrays.

Without a kernel, a fused op runs the ops one after another. `layers/fuse.py` lists the layers that
run as one.
"""

from collections.abc import Callable, Sequence

from xpcnn.ops.activation import hard_tanh, relu
from xpcnn.ops.checks import check_arrays, check_same_shape
from xpcnn.ops.conv import check_conv2d, conv2d
from xpcnn.ops.dispatch import op
from xpcnn.ops.elementwise import add, check_add
from xpcnn.ops.norm import batch_norm, check_batch_norm
from xpcnn.ops.pool import max_pool2d
from xpcnn.ops.reference.norm import Running
from xpcnn.ops.reference.windows import Padding, Pair
from xpcnn.options import POSITIVE, number
from xpcnn.types import Array, Pullback


def _conv_relu_pool(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    pool: Pair | None = None,
    limit: float | None = None,
    grad: bool = True,
) -> tuple[Array, Pullback]:
    """Compute y = max_pool2d(relu(conv2d(x, w, b))), with pooling windows that do not overlap.

    Backward: the pullbacks of the three ops, in reverse order.

    Args:
        x, w, b, stride, padding, dilation, groups: as in `conv2d`.
        pool: size of the pooling windows in pixels, also their stride; None for no pooling.
        limit: the largest value of the ReLU, above 0: 6 for ReLU6; None for none.
        grad: whether the pullback will be called; if not, a kernel keeps nothing for it.

    Returns:
        y (n, f, ho, wo), of the dtype of x, and the pullback dy -> (dx, dw, db).

    Kernels: NumPy calls, C, CUDA.
    """
    y, conv_back = conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    y, relu_pool_back = _relu_pool(y, limit, pool)
    return y, lambda dy, wants=None: conv_back(relu_pool_back(dy), wants)


def _check_conv_relu_pool(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    pool: Pair | None = None,
    limit: float | None = None,
    grad: bool = True,
) -> None:
    check_conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    _check_limit("conv_relu_pool", limit)


def _batch_norm_relu(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
    running: Running | None = None,
    pool: Pair | None = None,
    limit: float | None = None,
    grad: bool = True,
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Compute y = max_pool2d(relu(batch_norm(x))), with pooling windows that do not overlap.

    Backward: the pullbacks of the three ops, in reverse order.

    Args:
        x, gamma, beta, eps, running: as in `batch_norm`.
        pool: size of the pooling windows in pixels, also their stride; None for no pooling.
        limit: the largest value of the ReLU, above 0: 6 for ReLU6; None for none.
        grad: whether the pullback will be called; if not, a kernel keeps nothing for it.

    Returns:
        (y, mean, var), mean and var as of `batch_norm`, and the pullback
        dy -> (dx, dgamma, dbeta).

    Kernels: C, CUDA.
    """
    (y, mean, var), norm_back = batch_norm(x, gamma, beta, eps=eps, running=running)
    y, relu_pool_back = _relu_pool(y, limit, pool)
    return (y, mean, var), lambda dy, wants=None: norm_back(relu_pool_back(dy), wants)


def _check_batch_norm_relu(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
    running: Running | None = None,
    pool: Pair | None = None,
    limit: float | None = None,
    grad: bool = True,
) -> None:
    check_batch_norm(x, gamma, beta, eps=eps, running=running)
    _check_limit("batch_norm_relu", limit)


def _relu_pool(
    x: Array, limit: float | None, pool: Pair | None
) -> tuple[Array, Callable[[Array], Array]]:
    """Return y = max_pool2d(relu(x)), without pooling if `pool` is None, and dy -> dx."""
    y, relu_back = relu(x) if limit is None else hard_tanh(x, low=0.0, high=limit)
    if pool is None:
        return y, lambda dy: relu_back(dy)[0]
    y, pool_back = max_pool2d(y, size=pool)
    return y, lambda dy: relu_back(pool_back(dy)[0])[0]


def _check_limit(op: str, limit: float | None) -> None:
    if limit is not None:
        number(op, "limit", limit, POSITIVE, "limit=6.0, or None for no limit")


def _add_relu(x: Array, other: Array) -> tuple[Array, Pullback]:
    """Compute y = relu(x + other).

    Backward: dx = dother = dy where y > 0, else 0.

    Args:
        x, other: of one shape, any.

    Returns:
        y like x, and the pullback dy -> (dx, dother).

    Kernels: C, CUDA.
    """
    y, _ = add(x, other)
    y, relu_back = relu(y)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dx, want_dother = wants or (True, True)
        (dy,) = relu_back(dy, (want_dx or want_dother,))
        return (dy if want_dx else None), (dy if want_dother else None)

    return y, pullback


def _batch_norm_add_relu(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    added: Array,
    *,
    eps: float = 1e-5,
    running: Running | None = None,
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Compute y = relu(batch_norm(x) + added), the end of a residual block.

    Backward: the pullbacks of the ops, in reverse order.

    Args:
        x, gamma, beta, eps, running: as in `batch_norm`.
        added: in the shape of x.

    Returns:
        (y, mean, var), mean and var as of `batch_norm`, and the pullback
        dy -> (dx, dgamma, dbeta, dadded).

    Kernels: C, CUDA.
    """
    (y, mean, var), norm_back = batch_norm(x, gamma, beta, eps=eps, running=running)
    y, relu_back = add_relu(y, added)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None, Array | None]:
        *want_norm, want_dadded = wants or (True, True, True, True)
        dsum, _ = relu_back(dy, (True, False))
        dx, dgamma, dbeta = norm_back(dsum, want_norm)
        return dx, dgamma, dbeta, dsum if want_dadded else None

    return (y, mean, var), pullback


def _check_batch_norm_add_relu(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    added: Array,
    *,
    eps: float = 1e-5,
    running: Running | None = None,
) -> None:
    check_batch_norm(x, gamma, beta, eps=eps, running=running)
    check_arrays("batch_norm_add_relu", x=x, added=added)
    check_same_shape("batch_norm_add_relu", "x", x, "added", added)


_add_relu.__name__ = "add_relu"  # kernels have the name of the op
_batch_norm_add_relu.__name__ = "batch_norm_add_relu"
_batch_norm_relu.__name__ = "batch_norm_relu"
_conv_relu_pool.__name__ = "conv_relu_pool"
add_relu = op(_add_relu, check_add, half=True)
batch_norm_add_relu = op(_batch_norm_add_relu, _check_batch_norm_add_relu)
batch_norm_relu = op(_batch_norm_relu, _check_batch_norm_relu)
conv_relu_pool = op(_conv_relu_pool, _check_conv_relu_pool, half=True)
