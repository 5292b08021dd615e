"""Adaptive pooling, to an output of a given size: the definition of the ops.

Array API functions only; writes into no array. Sizes: images (n, c, h, w), output (n, c, ho, wo).
Output dtype = input dtype. The windows are those of PyTorch. Along an axis of h pixels, window p is

    floor(p * h / ho) <= r < ceil((p + 1) * h / ho)

so that windows touch or overlap. Pixel r lies in the windows floor(r * ho / h) <= p <
ceil((r + 1) * ho / h): the same rule with h and ho exchanged. Gradients use it.
"""

from collections.abc import Sequence

from xpcnn.ops.reference.windows import Pair, pair
from xpcnn.types import Array, Pullback, device, namespace


def spans(length: int, parts: int) -> list[range]:
    """Return the windows of `parts` outputs along an axis of `length` elements."""
    return [range(p * length // parts, -(-(p + 1) * length // parts)) for p in range(parts)]


def adaptive_avg_pool2d(x: Array, *, size: Pair) -> tuple[Array, Pullback]:
    """Take the mean of every window, with as many windows as the output has pixels.

        y[n,c,p,q] = (1/N[p,q]) * sum of x[n,c,r,t] over the N[p,q] pixels (r, t) of window (p, q)

    Backward: dy[n,c,p,q] / N[p,q] is added to every pixel of the window.

    Args:
        x: images (n, c, h, w) of at least one pixel.
        size: size of the output in pixels; one number or (rows, columns).

    Returns:
        y (n, c, ho, wo) of the given size, and the pullback dy -> (dx,).

    Kernels: C.
    """
    xp = namespace(x)
    (_, _, h, w), (ho, wo) = x.shape, pair(size)
    rows, columns = spans(h, ho), spans(w, wo)
    counts = [[float(len(r) * len(c)) for c in columns] for r in rows]
    count = xp.asarray(counts, dtype=x.dtype, device=device(x))  # (ho, wo)
    y = _sums(_sums(x, 2, rows), 3, columns) / count

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (_sums(_sums(dy / count, 2, spans(ho, h)), 3, spans(wo, w)),)

    return y, pullback


def adaptive_max_pool2d(x: Array, *, size: Pair) -> tuple[Array, Pullback]:
    """Take the largest pixel of every window, with as many windows as the output has pixels.

        y[n,c,p,q] = max of x[n,c,r,t] over the pixels (r, t) of window (p, q)

    Computed along rows, then along columns. Backward: dy[n,c,p,q] is added to the largest pixel of
    the window: the first of equal ones in row-major order, or the last NaN.

    Args:
        x: images (n, c, h, w) of at least one pixel.
        size: size of the output in pixels; one number or (rows, columns).

    Returns:
        y (n, c, ho, wo) of the given size, and the pullback dy -> (dx,).

    Kernels: none.
    """
    (_, _, h, w), (ho, wo) = x.shape, pair(size)
    of_rows, back_along_rows = _largest(x, 3, spans(w, wo))  # (n, c, h, wo)
    y, back_along_columns = _largest(of_rows, 2, spans(h, ho))

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (back_along_rows(back_along_columns(dy)[0])[0],)

    return y, pullback


def _sums(x: Array, axis: int, windows: Sequence[range]) -> Array:
    """Return the sum of every window along an axis."""
    xp = namespace(x)
    return xp.stack([xp.sum(_cut(x, axis, window), axis=axis) for window in windows], axis=axis)


def _cut(x: Array, axis: int, window: range) -> Array:
    """Return the elements of one window along an axis."""
    return x[(*(slice(None),) * axis, slice(window.start, window.stop), ...)]


def _largest(x: Array, axis: int, windows: Sequence[range]) -> tuple[Array, Pullback]:
    """Return the largest element of every window along an axis, and the pullback dy -> (dx,)."""
    xp = namespace(x)
    best, winners = [], []
    for first, *others in windows:
        y = _cut(x, axis, range(first, first + 1))
        winner = xp.full(y.shape, first, dtype=xp.int32, device=device(x))
        for r in others:
            candidate = _cut(x, axis, range(r, r + 1))
            wins = (candidate > y) | xp.isnan(candidate)
            y = xp.where(wins, candidate, y)
            winner = xp.where(wins, xp.full_like(winner, r), winner)
        best.append(y)
        winners.append(winner)
    winner = xp.concat(winners, axis=axis)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array]:
        zero = xp.zeros_like(dy)
        parts = []
        for r, around in enumerate(spans(len(windows), x.shape[axis])):  # the windows of element r
            won = _cut(winner, axis, around) == r
            share = xp.where(won, _cut(dy, axis, around), _cut(zero, axis, around))
            parts.append(xp.sum(share, axis=axis))
        return (xp.stack(parts, axis=axis),)

    return xp.concat(best, axis=axis), pullback
