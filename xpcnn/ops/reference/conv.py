"""Convolution: the definition of the op.

Array API functions only; writes into no array. Sizes: batch n, channels c, image h x w, filters f,
kernel kh x kw, groups g, output ho x wo. Output dtype = input dtype.
"""

from collections.abc import Sequence

from xpcnn.ops.reference.sums import total
from xpcnn.ops.reference.windows import Padding, Pair, Windows
from xpcnn.types import Array, Pullback, namespace


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """Convolve images with filters (as cross-correlation: the kernel is not flipped).

    Forward, for every filter f and output pixel (p, q), over the channels c of f's group:

        y[n,f,p,q] = b[f] + sum_{c,i,j} w[f,c,i,j] * x[n,c, p*s + i*d - top, q*s + j*d - left]

    The sum is one matrix product: im2col lays the window of every output pixel out as a column,
    cols[(c,i,j), (n,p,q)], and Y = W @ cols with W = w as a matrix (f, c*kh*kw).

    Backward, with dY = dy as a matrix, the gradient with respect to Y:

        dW = dY @ cols^T        dcols = W^T @ dY        db[f] = sum_{n,p,q} dy[n,f,p,q]

    and dx collects dcols with the adjoint of im2col (col2im): every entry is added to the pixel it
    was copied from. With stride 1, one group and no padding, dx is also a convolution: that of dy,
    padded by d*(kh - 1) and d*(kw - 1), with the filters turned by 180 degrees and the axes f and c
    exchanged. examples/guides/derive_a_layer.md derives all this with small numbers.

    Args:
        x: images (n, c, h, w).
        w: filters (f, c/groups, kh, kw).
        b: bias (f,) or None.
        stride: step between windows in pixels, s; one number or (rows, columns).
        padding: zeros around the image: a number, (rows, columns), ((top, bottom), (left, right)),
            "valid" (none) or "same" (ho = ceil(h / s), an odd row or column at the end).
        dilation: distance between neighbouring weights of a filter in pixels, d; one number or
            (rows, columns).
        groups: number of groups into which channels and filters are split; a filter sees only the
            channels of its own group. Divides both numbers.

    Returns:
        y (n, f, ho, wo) with ho = floor((h + top + bottom - d*(kh - 1) - 1)/s) + 1 and wo likewise,
        and the pullback dy -> (dx, dw, db).

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(x)
    n, _, h, width = x.shape
    f, c_group, kh, kw = w.shape
    windows = Windows.of((h, width), (kh, kw), stride, padding, dilation)

    cols = im2col(windows, x, groups)
    filters = xp.reshape(w, (groups, f // groups, c_group * kh * kw))
    y = as_images(filters @ cols, (f, n, *windows.out))
    if b is not None:
        y = y + xp.reshape(b, (1, f, 1, 1))

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dx = dw = db = None
        dy_matrix = as_matrices(dy, groups)
        if want_dx:
            dx = col2im(windows, xp.matrix_transpose(filters) @ dy_matrix, n)
        if want_dw:
            dw = xp.reshape(dy_matrix @ xp.matrix_transpose(cols), w.shape)
        if want_db and b is not None:
            db = total(dy, axis=(0, 2, 3))
        return dx, dw, db

    return y, pullback


def im2col(windows: Windows, x: Array, groups: int) -> Array:
    """Return the windows over x as columns of a matrix for each group: (g, c/g*kh*kw, n*ho*wo)."""
    xp = namespace(x)
    padded = windows.pad(x, 0.0)
    cols = xp.stack([windows.cut(padded, i, j) for i, j in windows.offsets()], axis=2)
    n, c, taps, ho, wo = cols.shape
    cols = xp.permute_dims(cols, (1, 2, 0, 3, 4))  # (c, kh*kw, n, ho, wo)
    return xp.reshape(cols, (groups, c // groups * taps, n * ho * wo))


def col2im(windows: Windows, cols: Array, n: int) -> Array:
    """Add every entry of the columns of `im2col` to the pixel it was copied from: (n, c, h, w)."""
    xp = namespace(cols)
    taps = windows.size[0] * windows.size[1]
    c = cols.shape[0] * cols.shape[1] // taps
    cols = xp.reshape(cols, (c, taps, n, *windows.out))
    cols = xp.permute_dims(cols, (1, 2, 0, 3, 4))  # (kh*kw, n, c, ho, wo)
    padded: Array = 0.0
    for k, (i, j) in enumerate(windows.offsets()):
        padded = padded + windows.place(cols[k, ...], i, j)
    return windows.crop(padded)


def as_matrices(y: Array, groups: int) -> Array:
    """Return images (n, f, ho, wo) as a matrix for each group: (g, f/g, n*ho*wo)."""
    xp = namespace(y)
    n, f, ho, wo = y.shape
    return xp.reshape(xp.permute_dims(y, (1, 0, 2, 3)), (groups, f // groups, n * ho * wo))


def as_images(matrices: Array, shape: tuple[int, int, int, int]) -> Array:
    """Return matrices of groups as images (n, f, ho, wo); shape: (f, n, ho, wo)."""
    xp = namespace(matrices)
    return xp.permute_dims(xp.reshape(matrices, shape), (1, 0, 2, 3))
