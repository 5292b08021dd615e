"""The activation with a learnt slope per channel. Array API functions; writes into no array."""

from collections.abc import Sequence

from xpcnn.types import Array, Pullback, namespace


def prelu(x: Array, slope: Array) -> tuple[Array, Pullback]:
    """Leaky ReLU with a learnt slope per channel: y = x where x > 0, otherwise slope[c] * x.

    Backward: dx = dy or slope[c] * dy; dslope[c] = sum of dy * x over the elements with x <= 0.
    Source: He et al. 2015, arXiv:1502.01852.

    Args:
        x: (n, c, ...), or any shape if all channels share one slope.
        slope: (c,), or (1,) or () for one slope shared by all channels.

    Returns:
        y like x, and the pullback dy -> (dx, dslope).

    Kernels: none.
    """
    xp = namespace(x)
    shared = slope.shape in ((), (1,))
    a = xp.reshape(slope, () if shared else (1, slope.shape[0], *(1,) * (x.ndim - 2)))
    y = xp.where(x > 0, x, a * x)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dx, want_dslope = wants or (True, True)
        dx = xp.where(x > 0, dy, a * dy) if want_dx else None
        dslope = None
        if want_dslope:
            parts = xp.where(x > 0, 0.0, x) * dy
            axes = None if shared else (0, *range(2, x.ndim))
            dslope = xp.reshape(xp.sum(parts, axis=axes), slope.shape)
        return dx, dslope

    return y, pullback
