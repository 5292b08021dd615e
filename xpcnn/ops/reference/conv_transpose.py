"""Transposed convolution, the adjoint of convolution: the definition of the op.

Array API functions only; writes into no array. Sizes: batch n, channels c, image h x w, filters f,
kernel kh x kw, groups g, output ho x wo. Output dtype = input dtype.
"""

from collections.abc import Sequence

from xpcnn.ops.reference.conv import as_images, as_matrices, col2im, im2col
from xpcnn.ops.reference.sums import total
from xpcnn.ops.reference.windows import Padding, Pair, Windows, pair, sides
from xpcnn.types import Array, Pullback, namespace


def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """Spread every pixel over a window of a larger image: the adjoint of `conv2d`.

    Forward: for every pixel (p, q), channel c and filter f of c's group,

        x[n,c,p,q] * w[c,f,i,j] is added to y[n,f, p*s + i*d - top, q*s + j*d - left]

    and b[f] to all of y[n,f]. `conv2d` with the weights w, from f channels to c, computes its dx
    from dy in this way, so the three matrix products of `conv2d` exchange their roles. With X = x
    as a matrix and W = w as a matrix (c, f*kh*kw),

        y = col2im(W^T @ X)

    Backward, with dcols = im2col(dy):

        dX = W @ dcols        dW = X @ dcols^T        db[f] = sum_{n,p,q} dy[n,f,p,q]

    Source: Zeiler et al. 2010, "Deconvolutional networks"; the arithmetic of sizes: Dumoulin and
    Visin 2016, arXiv:1603.07285.

    Args:
        x: images (n, c, h, w).
        w: weights (c, f/groups, kh, kw), the shape of `conv2d` from f channels to c.
        b: bias (f,) or None.
        stride: step between windows of the output in pixels, s; one number or (rows, columns).
        padding: pixels cut off around the output: a number, (rows, columns), ((top, bottom), (left,
            right)), "valid" (none) or "same" (ho = s*h).
        output_padding: rows and columns added at the end of the output, where no window reaches
            with stride 1; less than the stride or the dilation. 0 with "same".
        dilation: distance between neighbouring weights in pixels, d; one number or (rows, columns).
        groups: number of groups into which channels and filters are split. Divides both numbers.

    Returns:
        y (n, f, ho, wo) with ho = s*(h - 1) + d*(kh - 1) + 1 - top - bottom + output_padding and wo
        likewise, and the pullback dy -> (dx, dw, db).

    Kernels: C.
    """
    xp = namespace(x)
    n, c, h, width = x.shape
    _, f_group, kh, kw = w.shape
    windows = transposed_windows((h, width), (kh, kw), stride, padding, output_padding, dilation)

    x_matrix = as_matrices(x, groups)
    filters = xp.reshape(w, (groups, c // groups, f_group * kh * kw))
    y = col2im(windows, xp.matrix_transpose(filters) @ x_matrix, n)
    if b is not None:
        y = y + xp.reshape(b, (1, f_group * groups, 1, 1))

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dw, want_db = wants or (True, True, True)
        dx = dw = db = None
        if want_dx or want_dw:
            dcols = im2col(windows, dy, groups)
        if want_dx:
            dx = as_images(filters @ dcols, (c, n, h, width))
        if want_dw:
            dw = xp.reshape(x_matrix @ xp.matrix_transpose(dcols), w.shape)
        if want_db and b is not None:
            db = total(dy, axis=(0, 2, 3))
        return dx, dw, db

    return y, pullback


def transposed_windows(
    image: tuple[int, int],
    size: Pair,
    stride: Pair,
    padding: Padding,
    output_padding: Pair,
    dilation: Pair,
) -> Windows:
    """Return the windows over the output of `conv_transpose2d`, one for each pixel of its image."""
    size, stride, dilation = pair(size), pair(stride), pair(dilation)
    more = pair(output_padding)
    large = (image[0] * stride[0], image[1] * stride[1])
    around = sides(padding, large, size, stride, dilation)
    out = [
        n if padding == "same" else s * (k - 1) + d * (taps - 1) + 1 - sum(cut) + extra
        for n, k, taps, s, d, cut, extra in zip(
            large, image, size, stride, dilation, around, more, strict=True
        )
    ]
    return Windows((out[0], out[1]), size, stride, dilation, around, image)
