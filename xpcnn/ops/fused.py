"""Ops that do in one pass what other ops do one after another: for kernels that keep less.

Without a kernel they are that composition. Which layers become one is said in `layers/fuse.py`.
"""

from collections.abc import Sequence

from xpcnn.ops.activation import relu
from xpcnn.ops.conv import check_conv2d, conv2d
from xpcnn.ops.dispatch import op
from xpcnn.ops.pool import max_pool2d
from xpcnn.ops.reference.windows import Padding, Pair
from xpcnn.types import Array, Pullback


def _composed(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    pool: Pair | None = None,
    grad: bool = True,
) -> tuple[Array, Pullback]:
    """Compute y = max_pool2d(relu(conv2d(x, w, b))), its windows side by side.

    Backward: the pullbacks of the three, in reverse order.

    Args:
        x, w, b, stride, padding, dilation, groups: as in `conv2d`.
        pool: size of the pooling windows; None for no pooling.
        grad: whether the pullback will be called; a kernel need not keep what it takes.

    Returns:
        y and the pullback dy -> (dx, dw, db).
    """
    y, conv_back = conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    y, relu_back = relu(y)
    pool_back: Pullback | None = None
    if pool is not None:
        y, pool_back = max_pool2d(y, size=pool)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        if pool_back is not None:
            (dy,) = pool_back(dy)
        (dy,) = relu_back(dy)
        dx, dw, db = conv_back(dy, wants)
        return dx, dw, db

    return y, pullback


def _check(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    pool: Pair | None = None,
    grad: bool = True,
) -> None:
    check_conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)


_composed.__name__ = "conv_relu_pool"  # the name that its kernels go by
conv_relu_pool = op(_composed, _check)
