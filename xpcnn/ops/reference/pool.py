"""Pooling: the meaning of the ops, clear before fast.

Array API functions only; writes into no array. Sizes: images (n, c, h, w), window kh x kw, output
(n, c, ho, wo). Output dtype = input dtype.
"""

from collections.abc import Sequence

from xpcnn.ops.reference.windows import Padding, Pair, Windows
from xpcnn.types import Array, Pullback, namespace


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

    Backward: dy[n,c,p,q] goes to the element that won its window; overlapping windows add up. Of
    equal elements the first in row-major order wins: on flat patches, such as the background of a
    digit, a mask `x == y` would hand the gradient out several times. Padding never wins. NaN
    propagates, and of several in a window the last takes the gradient, as in PyTorch.

    Args:
        x: images (n, c, h, w).
        size: window; one number or (rows, columns).
        stride: step between windows; None for the window's own size.
        padding: rows and columns around the image; no window may lie in it alone.
        dilation: distance between the elements of a window.
        ceil_mode: also take a last window that reaches beyond the image, unless it starts there.

    Returns:
        y (n, c, ho, wo) and the pullback dy -> (dx,).
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
    winner = xp.zeros_like(y, dtype=xp.int32)  # which element of its window won
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

    N counts the elements of the window: with its padding (`count_include_pad`, as in PyTorch) or
    only those of the image; what `ceil_mode` adds beyond the padding never counts. `divisor` takes
    the place of N everywhere.

    Backward: every element of the window receives dy[n,c,p,q] / N[p,q].

    Args:
        x: images (n, c, h, w).
        size, stride, padding, dilation, ceil_mode: as in `max_pool2d`.
        count_include_pad: whether zeros of the padding count as elements.
        divisor: what every sum is divided by, instead of N.

    Returns:
        y (n, c, ho, wo) and the pullback dy -> (dx,).
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

    Returns:
        y (n, c) and the pullback dy -> (dx,).
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

    Backward: dy[n,c] goes to the first element (row-major) that has the value; NaN as in
    `max_pool2d`.

    Returns:
        y (n, c) and the pullback dy -> (dx,).
    """
    xp = namespace(x)
    n, c, h, w = x.shape
    flat = xp.reshape(x, (n, c, h * w))
    y = xp.max(flat, axis=2)
    # One rank per element, no two alike, so that argmax need not decide ties: the first of the
    # largest elements has the highest rank, unless there is a NaN: then the last NaN.
    place = xp.reshape(xp.arange(h * w, device=x.device), (1, 1, h * w))
    largest = flat == xp.expand_dims(y, axis=2)
    rank = xp.where(xp.isnan(flat), h * w + place, xp.where(largest, h * w - 1 - place, -1 - place))
    winner = xp.argmax(rank, axis=2)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        won = place == xp.expand_dims(winner, axis=2)
        dx = xp.where(won, xp.expand_dims(dy, axis=2), xp.zeros_like(flat))
        return (xp.reshape(dx, x.shape),)

    return y, pullback
