"""Reading samples at other places. Outside of a sample lies 0: after normalisation the mean of the
channel.

Places are arrays (h, w, n), or broadcast to that, and pixels are taken out of x in this order: on
NumPy, whose images are batch-last in memory, nothing is copied on the way.
"""

from xpcnn.types import Array, namespace


def pixels(x: Array, rows: Array, columns: Array) -> Array:
    """Return x at whole rows and columns: y[n, c, i, j] = x[n, c, rows[i, j, n], columns[i, j, n]].

    Args:
        x: (n, c, h, w).
        rows, columns: integers, broadcast to (h, w, n).
    """
    xp = namespace(x)
    y = xp.where(_inside(x, rows, columns), _take(x, rows, columns), 0.0)  # (c, h, w, n)
    return xp.permute_dims(y, (3, 0, 1, 2))


def bilinear(x: Array, rows: Array, columns: Array) -> Array:
    """Return x between its pixels: the four around a place, weighted by how close they are.

    With a and b the parts of row and column after the point, i and j those before it:

        y = (1 - a)(1 - b) x[i, j] + (1 - a) b x[i, j+1] + a (1 - b) x[i+1, j] + a b x[i+1, j+1]

    Args:
        x: (n, c, h, w).
        rows, columns: of x's dtype, (h, w, n).
    """
    xp = namespace(x)
    above, left = xp.floor(rows), xp.floor(columns)
    a, b = rows - above, columns - left
    i, j = xp.astype(above, xp.int64), xp.astype(left, xp.int64)

    def part(weight: Array, row: Array, column: Array) -> Array:
        inside = xp.astype(_inside(x, row, column), x.dtype)
        return weight * inside * _take(x, row, column)  # (c, h, w, n)

    upper = part((1.0 - a) * (1.0 - b), i, j) + part((1.0 - a) * b, i, j + 1)
    lower = part(a * (1.0 - b), i + 1, j) + part(a * b, i + 1, j + 1)
    return xp.permute_dims(upper + lower, (3, 0, 1, 2))


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


def _inside(x: Array, rows: Array, columns: Array) -> Array:
    """Return whether there is a pixel at a place: (h, w, n)."""
    _, _, h, w = x.shape
    return (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)


def _take(x: Array, rows: Array, columns: Array) -> Array:
    """Return the pixels at places (c, h, w, n), of those outside the nearest."""
    xp = namespace(x)
    n, c, h, w = x.shape
    # not clip, which array-api-compat makes of assignments under a mask: CuPy waits for each
    row = xp.minimum(xp.maximum(rows, 0), h - 1)
    column = xp.minimum(xp.maximum(columns, 0), w - 1)
    at = (row * w + column) * n + xp.arange(n, dtype=row.dtype, device=x.device)
    flat = xp.reshape(xp.permute_dims(x, (1, 2, 3, 0)), (c, h * w * n))
    taken = xp.take(flat, xp.reshape(at, (-1,)), axis=1)
    return xp.reshape(taken, (c, h, w, n))
