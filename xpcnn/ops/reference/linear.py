"""The dense product and changes of shape: the definition of the ops.

Array API functions only; writes into no array. Sizes: batch n, features i in, o out. Output dtype =
input dtype.
"""

import math
from collections.abc import Sequence

from xpcnn.ops.reference.sums import total
from xpcnn.types import Array, Pullback, Shape, namespace


def dense(x: Array, w: Array, b: Array | None = None) -> tuple[Array, Pullback]:
    """Multiply rows of features by a weight matrix: Y = X W + b.

    Backward: dX = dY W^T, dW = X^T dY, db[o] = sum_n dY[n,o].

    Args:
        x: features (n, i).
        w: weights (i, o).
        b: bias (o,) or None.

    Returns:
        y (n, o) and the pullback dy -> (dx, dw, db).

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(x)
    y = x @ w
    if b is not None:
        y = y + b

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        # written so that memory stays batch-last where the library keeps the order of a product
        dx = xp.matrix_transpose(w @ xp.matrix_transpose(dy)) if want_dx else None
        dw = xp.matrix_transpose(x) @ dy if want_dw else None
        db = total(dy, axis=0) if want_db and b is not None else None
        return dx, dw, db

    return y, pullback


def reshape(x: Array, *, shape: Shape) -> tuple[Array, Pullback]:
    """Give every sample another shape with the same number of elements.

    Backward: dx is dy in the shape of x.

    Args:
        x: samples (n, ...), of any dtype.
        shape: new shape of one sample; one entry may be -1, which is computed from the others.

    Returns:
        y (n, *shape) and the pullback dy -> (dx,).

    Kernels: none.
    """
    xp = namespace(x)
    if -1 in shape:  # libraries cannot infer it for an empty batch
        known = -math.prod(shape)  # the product of the other lengths
        shape = tuple(math.prod(x.shape[1:]) // known if k == -1 else k for k in shape)
    y = xp.reshape(x, (x.shape[0], *shape))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (xp.reshape(dy, x.shape),)

    return y, pullback


def flatten(x: Array) -> tuple[Array, Pullback]:
    """Make one row of every sample: (n, ...) -> (n, features), row-major (channels slowest).

    Backward: dx is dy in the shape of x.

    Args:
        x: samples (n, ...), of any dtype.

    Returns:
        y (n, features) and the pullback dy -> (dx,).

    Kernels: none.
    """
    return reshape(x, shape=(math.prod(x.shape[1:]),))
