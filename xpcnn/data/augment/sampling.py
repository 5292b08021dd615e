"""Boxes of pixels."""

from xpcnn.ops.reference.sampling import grid
from xpcnn.types import Array, namespace


def box(x: Array, top: Array, bottom: Array, left: Array, right: Array) -> Array:
    """Return whether a pixel lies in the box of its sample: (n, 1, h, w).

    Args:
        x: (n, c, h, w).
        top, bottom, left, right: (n,), of x's dtype; the box is [top, bottom) x [left, right).
    """
    xp = namespace(x)
    rows, columns = grid(x)
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    return xp.expand_dims(xp.permute_dims(inside, (2, 0, 1)), axis=1)
