"""Reading samples at other positions. Outside of a sample, pixels are 0: after normalisation, the
mean of the channel.

Positions are arrays (h, w, n), or broadcast to that, and pixels are read in this order: samples of
NumPy, which are batch-last in memory, are not copied.
"""

from xpcnn.ops.reference.sampling import inside, take
from xpcnn.types import Array, namespace


def pixels(x: Array, rows: Array, columns: Array) -> Array:
    """Return x at whole rows and columns: y[n, c, i, j] = x[n, c, rows[i, j, n], columns[i, j, n]].

    Args:
        x: (n, c, h, w).
        rows, columns: integers, broadcast to (h, w, n).
    """
    xp = namespace(x)
    y = xp.where(inside(x, rows, columns), take(x, rows, columns), 0.0)  # (c, h, w, n)
    return xp.permute_dims(y, (3, 0, 1, 2))


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


def grid(x: Array) -> tuple[Array, Array]:
    """Return the number of each row (h, 1, 1) and column (1, w, 1), in x's dtype."""
    xp = namespace(x)
    _, _, h, w = x.shape
    rows = xp.arange(h, dtype=x.dtype, device=x.device)
    columns = xp.arange(w, dtype=x.dtype, device=x.device)
    return xp.reshape(rows, (h, 1, 1)), xp.reshape(columns, (1, w, 1))
