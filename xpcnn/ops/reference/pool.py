"""Pooling: the definition of the ops.

Array API functions only; writes into no array. Sizes: images (n, c, h, w), window kh x kw, output
(n, c, ho, wo). Output dtype = input dtype.
"""

from collections.abc import Sequence

from xpcnn.ops.reference.windows import Padding, Pair, Windows
from xpcnn.types import Array, Pullback, device, namespace


def max_pool2d(
    x: Array,
    *,
    size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Pullback]:
    """Take the largest element of every window.

        y[n,c,p,q] = max_{i,j} x[n,c, p*s + i*d - top, q*s + j*d - left]

    Backward: dy[n,c,p,q] is added to the largest element of its window, of equal ones to the first
    in row-major order: on flat patches, such as the background of a digit, a mask `x == y` would
    count the gradient several times. Padding is never the largest. NaN propagates; of several NaNs
    in a window, the last takes the gradient, as in PyTorch.

    Args:
        x: images (n, c, h, w).
        size: window in pixels; one number or (rows, columns).
        stride: step between windows in pixels, s; one number or (rows, columns); None for `size`.
        padding: pixels around the image: a number, (rows, columns), ((top, bottom), (left, right)),
            "valid" (none) or "same" (ho = ceil(h / s)); a window that lies in the padding alone is
            a ConfigError.
        dilation: distance between neighbouring elements of a window in pixels, d; one number or
            (rows, columns).
        ceil_mode: also take a last window that reaches beyond the image and its padding, unless it
            starts beyond the image.

    Returns:
        y (n, c, ho, wo) with ho = floor((h + top + bottom - d*(kh - 1) - 1)/s) + 1 (ceil instead of
        floor with `ceil_mode`), and the pullback dy -> (dx,).

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(x)
    windows = Windows.of(
        (x.shape[2], x.shape[3]),
        size,
        size if stride is None else stride,
        padding,
        dilation,
        ceil_mode,
    )
    padded = windows.pad(x, -xp.inf)
    inside = windows.pad(xp.ones_like(x[:1, :1, :, :]), 0.0) > 0  # (1, 1, padded h, padded w)

    (i, j), *others = windows.offsets()
    y = windows.cut(padded, i, j)
    found = windows.cut(inside, i, j)
    winner = xp.zeros_like(y, dtype=xp.int32)  # which element of its window is the largest
    for k, (i, j) in enumerate(others, start=1):
        candidate, is_inside = windows.cut(padded, i, j), windows.cut(inside, i, j)
        wins = is_inside & ((candidate > y) | xp.isnan(candidate) | ~found)
        y = xp.where(wins, candidate, y)
        winner = xp.where(wins, xp.full_like(winner, k), winner)
        found = found | is_inside

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        zero = xp.zeros_like(dy)
        dpadded = xp.zeros_like(padded)
        for k, (i, j) in enumerate(windows.offsets()):
            dpadded = dpadded + windows.place(xp.where(winner == k, dy, zero), i, j)
        return (windows.crop(dpadded),)

    return y, pullback


def avg_pool2d(
    x: Array,
    *,
    size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: float | None = None,
) -> tuple[Array, Pullback]:
    """Take the mean of every window.

        y[n,c,p,q] = (1/N[p,q]) * sum_{i,j} x[n,c, p*s + i*d - top, q*s + j*d - left]

    N is the number of elements of the window, with or without those of the padding (as in PyTorch);
    elements that `ceil_mode` adds beyond the padding never count.

    Backward: dy[n,c,p,q] / N[p,q] is added to every element of the window.

    Args:
        x: images (n, c, h, w).
        size, stride, padding, dilation, ceil_mode: as in `max_pool2d`.
        count_include_pad: whether N counts the zeros of the padding.
        divisor: a number that replaces N in all windows, not 0; None for N.

    Returns:
        y (n, c, ho, wo) and the pullback dy -> (dx,).

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(x)
    windows = Windows.of(
        (x.shape[2], x.shape[3]),
        size,
        size if stride is None else stride,
        padding,
        dilation,
        ceil_mode,
    )

    def window_sum(padded: Array) -> Array:
        (i, j), *others = windows.offsets()
        total = windows.cut(padded, i, j)
        for i, j in others:
            total = total + windows.cut(padded, i, j)
        return total

    if divisor is None:
        ones = xp.ones_like(x[:1, :1, :, :])
        count = window_sum(windows.pad(ones, 1.0 if count_include_pad else 0.0, beyond=0.0))
    else:
        count = divisor
    padded = windows.pad(x, 0.0)
    y = window_sum(padded) / count

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        share = dy / count
        dpadded = xp.zeros_like(padded)
        for i, j in windows.offsets():
            dpadded = dpadded + windows.place(share, i, j)
        return (windows.crop(dpadded),)

    return y, pullback


def global_avg_pool2d(x: Array) -> tuple[Array, Pullback]:
    """Take the mean of every channel: y[n,c] = mean_{h,w} x[n,c,h,w].

    Backward: dx[n,c,h,w] = dy[n,c] / (h*w).

    Args:
        x: images (n, c, h, w) of at least one pixel.

    Returns:
        y (n, c) and the pullback dy -> (dx,).

    Kernels: C.
    """
    xp = namespace(x)
    n, c, h, w = x.shape
    y = xp.mean(x, axis=(2, 3))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (xp.zeros_like(x) + xp.reshape(dy, (n, c, 1, 1)) / (h * w),)

    return y, pullback


def global_max_pool2d(x: Array) -> tuple[Array, Pullback]:
    """Take the largest element of every channel: y[n,c] = max_{h,w} x[n,c,h,w].

    Backward: dy[n,c] goes to the first largest element in row-major order, or to the last NaN.

    Args:
        x: images (n, c, h, w) of at least one pixel.

    Returns:
        y (n, c) and the pullback dy -> (dx,).

    Kernels: none.
    """
    xp = namespace(x)
    n, c, h, w = x.shape
    flat = xp.reshape(x, (n, c, h * w))
    y = xp.max(flat, axis=2)
    # Ranks all differ, so that argmax need not decide ties: the highest rank is that of the last
    # NaN or, without NaNs, of the first of the largest elements.
    index = xp.reshape(xp.arange(h * w, device=device(x)), (1, 1, h * w))
    largest = flat == xp.expand_dims(y, axis=2)
    rank = xp.where(xp.isnan(flat), h * w + index, xp.where(largest, h * w - 1 - index, -1 - index))
    winner = xp.argmax(rank, axis=2)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        won = index == xp.expand_dims(winner, axis=2)
        dx = xp.where(won, xp.expand_dims(dy, axis=2), xp.zeros_like(flat))
        return (xp.reshape(dx, x.shape),)

    return y, pullback
