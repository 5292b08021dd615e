"""Softmax and its logarithm: the definition of the ops.

Array API functions only; writes into no array. Output dtype = input dtype. The largest entry is
subtracted first, which changes nothing but keeps exp from overflowing.
"""

from collections.abc import Sequence

from xpcnn.types import Array, Pullback, namespace


def softmax(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """Turn scores into probabilities: y_i = e^(x_i) / sum_k e^(x_k) along `axis`.

    Backward: dx_i = y_i (dy_i - sum_k dy_k y_k).

    Args:
        x: scores, any shape; an axis of length 0 is returned as it is.
        axis: axis along which the probabilities add up to 1; below 0 from the end.

    Returns:
        y like x, and the pullback dy -> (dx,).

    Kernels: none.
    """
    xp = namespace(x)
    if x.shape[axis] == 0:
        return _nothing(x)
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    y = e / xp.sum(e, axis=axis, keepdims=True)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (y * (dy - xp.sum(dy * y, axis=axis, keepdims=True)),)

    return y, pullback


def log_softmax(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """Return the logarithm of softmax: y_i = x_i - log sum_k e^(x_k) along `axis`.

    Backward: dx_i = dy_i - e^(y_i) sum_k dy_k.

    Args:
        x: scores, any shape; an axis of length 0 is returned as it is.
        axis: axis along which the sum runs; below 0 from the end.

    Returns:
        y like x, and the pullback dy -> (dx,).

    Kernels: none.
    """
    xp = namespace(x)
    if x.shape[axis] == 0:
        return _nothing(x)
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    y = shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (dy - xp.exp(y) * xp.sum(dy, axis=axis, keepdims=True),)

    return y, pullback


def _nothing(x: Array) -> tuple[Array, Pullback]:
    """Return x, whose axis of length 0 leaves nothing to compute, and its pullback."""

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        return (dy if wants is None or wants[0] else None,)

    return x, pullback
