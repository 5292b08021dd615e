"""Dropout: the meaning of the op, clear before fast.

Array API functions only; writes into no array; draws no random number: it is given them.
Source: Srivastava et al. 2014, JMLR 15.
"""

from collections.abc import Sequence

from xpcnn.types import Array, Pullback, namespace


def dropout(x: Array, uniform: Array, *, rate: float) -> tuple[Array, Pullback]:
    """Set elements to zero at random and scale the others so that the mean stays.

        y = x * mask      mask = [uniform >= rate] / (1 - rate)

    Backward: dx = dy * mask.

    Args:
        x: any shape.
        uniform: numbers in [0, 1), float32, the shape of x.
        rate: the share that is dropped, 0 <= rate < 1.

    Returns:
        y like x, and the pullback dy -> (dx, None).
    """
    xp = namespace(x)
    mask = xp.astype(uniform >= rate, x.dtype) * (1.0 / (1.0 - rate))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, None]:
        return (dy * mask if wants is None or wants[0] else None), None

    return x * mask, pullback
