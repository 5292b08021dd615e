"""Images read at other positions: the definitions of the ops.

Array API functions only; writes into no array. Positions are arrays (ho, wo, n), and pixels are
read in this order: images of NumPy, which are batch-last in memory, are not copied.
"""

from xpcnn.types import Array, device, namespace


def bilinear(x: Array, rows: Array, columns: Array) -> Array:
    """Interpolate images: the four pixels around each position, weighted by how close they are.

    With i and j the whole parts of row and column, a and b their fractions:

        y = (1 - a)(1 - b) x[i, j] + (1 - a) b x[i, j+1] + a (1 - b) x[i+1, j] + a b x[i+1, j+1]

    Pixels outside of x are 0. Not differentiated: returns y alone.

    Args:
        x: images (n, c, h, w).
        rows, columns: positions in pixels, 0 at the centre of the first, of x's dtype, (ho, wo, n).

    Returns:
        y (n, c, ho, wo), of the dtype of x.

    Kernels: C.
    """
    xp = namespace(x)
    above, left = xp.floor(rows), xp.floor(columns)
    a, b = rows - above, columns - left
    i, j = xp.astype(above, xp.int64), xp.astype(left, xp.int64)

    def part(weight: Array, row: Array, column: Array) -> Array:
        seen = xp.astype(inside(x, row, column), x.dtype)
        return weight * seen * take(x, row, column)  # (c, h, w, n)

    upper = part((1.0 - a) * (1.0 - b), i, j) + part((1.0 - a) * b, i, j + 1)
    lower = part(a * (1.0 - b), i + 1, j) + part(a * b, i + 1, j + 1)
    return xp.permute_dims(upper + lower, (3, 0, 1, 2))


def affine(x: Array, maps: Array) -> Array:
    """Carry images by affine maps, such as rotations, and interpolate between pixels.

    With i and j the row and column of a pixel of y, from the middle of the image, that pixel is
    read at the position, also from the middle,

        row = m00 i + m01 j + o0      column = m10 i + m11 j + o1

    as in `bilinear`. Not differentiated: returns y alone.

    Args:
        x: images (n, c, h, w).
        maps: m00, m01, m10, m11, o0, o1 of each image, of x's dtype, (n, 6): the inverse of the map
            that carries x to y.

    Returns:
        y, of the shape and dtype of x.

    Kernels: C.
    """
    _, _, h, w = x.shape
    rows, columns = grid(x)
    i, j = rows - (h - 1) / 2, columns - (w - 1) / 2
    m00, m01, m10, m11, o0, o1 = (maps[:, k] for k in range(6))
    row = m00 * i + m01 * j + (o0 + (h - 1) / 2)
    column = m10 * i + m11 * j + (o1 + (w - 1) / 2)
    return bilinear(x, row, column)


def mirrored(x: Array, chosen: Array, *, axis: int = 3) -> Array:
    """Mirror the chosen images of a batch.

        y = x with the order along the axis reversed where chosen > 0, otherwise x

    Not differentiated: returns y alone.

    Args:
        x: images (n, c, h, w).
        chosen: one number for each image, of x's dtype, (n,).
        axis: 3, to mirror left to right, or 2, to mirror upside down.

    Returns:
        y, of the shape and dtype of x.

    Kernels: C.
    """
    xp = namespace(x)
    return xp.where(xp.reshape(chosen > 0, (-1, 1, 1, 1)), xp.flip(x, axis=axis), x)


def shifted(x: Array, shifts: Array) -> Array:
    """Shift images by whole pixels.

        y[n, c, i, j] = x[n, c, i + rows, j + columns], or 0 where that is outside of x

    Not differentiated: returns y alone.

    Args:
        x: images (n, c, h, w).
        shifts: rows and columns of each image, whole numbers of x's dtype, (n, 2).

    Returns:
        y, of the shape and dtype of x.

    Kernels: C.
    """
    xp = namespace(x)
    row, column = (
        xp.astype(at + shifts[:, k], xp.int64) for k, at in enumerate(grid(x))
    )  # (h, 1, n), (1, w, n)
    y = xp.where(inside(x, row, column), take(x, row, column), 0.0)  # (c, h, w, n)
    return xp.permute_dims(y, (3, 0, 1, 2))


def grid(x: Array) -> tuple[Array, Array]:
    """Return the number of each row (h, 1, 1) and column (1, w, 1), in x's dtype."""
    xp = namespace(x)
    _, _, h, w = x.shape
    rows = xp.arange(h, dtype=x.dtype, device=device(x))
    columns = xp.arange(w, dtype=x.dtype, device=device(x))
    return xp.reshape(rows, (h, 1, 1)), xp.reshape(columns, (1, w, 1))


def inside(x: Array, rows: Array, columns: Array) -> Array:
    """Return whether each position is inside the image: (ho, wo, n)."""
    _, _, h, w = x.shape
    return (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)


def take(x: Array, rows: Array, columns: Array) -> Array:
    """Return the pixel at each position, the nearest where it is outside: (c, ho, wo, n)."""
    xp = namespace(x)
    n, c, h, w = x.shape
    # not xp.clip, which array-api-compat computes by masked assignments: CuPy waits for each
    row = xp.minimum(xp.maximum(rows, 0), h - 1)
    column = xp.minimum(xp.maximum(columns, 0), w - 1)
    at = (row * w + column) * n + xp.arange(n, dtype=row.dtype, device=device(x))
    flat = xp.reshape(xp.permute_dims(x, (1, 2, 3, 0)), (c, h * w * n))
    taken = xp.take(flat, xp.reshape(at, (-1,)), axis=1)
    return xp.reshape(taken, (c, *at.shape))
