"""Losses of numbers: mean squared error, mean absolute error, Huber.

The definition of the ops. Every loss is a mean, a 0-d array of the dtype of its first argument.
Array API functions only; writes into no array.
"""

import math
from collections.abc import Callable, Sequence

from xpcnn.types import Array, Pullback, namespace


def mse(y: Array, targets: Array) -> tuple[Array, Pullback]:
    """Return the mean squared error: loss = mean((y - t)^2).

    Backward: dy = 2 (y - t) / N, dt = -dy, N being the number of elements.

    Args:
        y: outputs, any shape.
        targets: t, of the shape and dtype of y.

    Returns:
        the loss, and the pullback dloss -> (dy, dtargets).

    Kernels: none.
    """
    difference = y - targets
    loss = namespace(y).mean(difference * difference)

    def pullback(
        dloss: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dy, want_dtargets = wants or (True, True)
        dy = difference * (dloss * (2.0 / math.prod(y.shape)))
        return (dy if want_dy else None), (-dy if want_dtargets else None)

    return loss, pullback


def l1(y: Array, targets: Array, weights: Array | None = None) -> tuple[Array, Pullback]:
    """Return the mean absolute error: loss = mean(w |y - t|).

    Backward: dy = w sign(y - t) / N, 0 where y = t; dt = -dy. N is the number of elements.

    Args:
        y: outputs, any shape.
        targets: t, of the shape and dtype of y.
        weights: w, of a shape that broadcasts to that of y, or None for 1.

    Returns:
        the loss, and the pullback dloss -> (dy, dtargets, None).

    Kernels: none.
    """
    xp = namespace(y)
    difference = y - targets
    return _weighted_mean(xp.abs(difference), lambda: xp.sign(difference), weights)


def huber(
    y: Array, targets: Array, weights: Array | None = None, *, delta: float = 1.0
) -> tuple[Array, Pullback]:
    """Return the mean Huber loss: quadratic in small errors, linear in large ones.

        loss = mean(w h(y - t))      h(d) = d^2 / 2 where |d| <= delta, delta (|d| - delta / 2) else

    Backward: dy = w max(-delta, min(y - t, delta)) / N, dt = -dy. N is the number of elements.

    Source: Huber, "Robust estimation of a location parameter", 1964.

    Args:
        y: outputs, any shape.
        targets: t, of the shape and dtype of y.
        weights: w, of a shape that broadcasts to that of y, or None for 1.
        delta: error beyond which the loss is linear, in the units of y; above 0.

    Returns:
        the loss, and the pullback dloss -> (dy, dtargets, None).

    Kernels: none.
    """
    xp = namespace(y)
    difference = y - targets
    size = xp.abs(difference)
    is_small = size <= delta
    cost = xp.where(is_small, 0.5 * difference * difference, delta * (size - 0.5 * delta))

    def slope() -> Array:
        return xp.where(is_small, difference, delta * xp.sign(difference))

    return _weighted_mean(cost, slope, weights)


def _weighted_mean(
    cost: Array, slope: Callable[[], Array], weights: Array | None
) -> tuple[Array, Pullback]:
    """Return mean(w cost) and its pullback to (y, targets, weights).

    slope: returns the derivative of each cost with respect to y, minus that to its target.
    """
    loss = namespace(cost).mean(cost if weights is None else weights * cost)

    def pullback(
        dloss: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None]:
        want_dy, want_dtargets = (wants or (True, True))[:2]
        dy = slope() * (dloss / math.prod(cost.shape))
        if weights is not None:
            dy = dy * weights
        return (dy if want_dy else None), (-dy if want_dtargets else None), None

    return loss, pullback
