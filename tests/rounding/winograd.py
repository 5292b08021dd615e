"""Bounds of the rounding errors of a 3 x 3 convolution by Winograd's F(4x4, 3x3).

Its sums are others than those of the reference, so running error analysis of the reference does not
bound them. With the transforms of backends/kernels/winograd_transforms.h, to first order in u,

    |error of y|  <= r(k) u |A^T| (sum over c of (|G| |g| |G^T|) * (|B^T| |d| |B|)) |A|
    |error of dg| <= r(k) u |G^T| (sum over tiles of (|A| |dy| |A^T|) * (|B^T| |d| |B|)) |G|

where * is element by element, and k counts the roundings on the way of a number to the result, one
rounding of each constant included:

    U = G g G^T    1, as it is computed in double
    V = B^T d B    4 along each axis: a sum, a constant, a product, a sum
    D = A dy A^T   4 along each axis, likewise
    U * V, V * D   1, and 1 for each addition
    A^T M A        5 along each axis: a sum, a constant, a product, two sums
    + bias         1
    G^T S G        1, as it is computed in double

r(k) is that of `tests.rounding`. dx is a convolution of dy with the filters turned by half a turn.

The mean square of many errors is bounded more tightly. A rounding of a number s has a variance of
u^2 s^2 / 3 at most and is independent of the others, so that variances add up:

    variance of y   <= u^2 / 3 (A^T^2 (2 Q + R) A^2 + 8 S + 10 (|A^T| |M| |A|)^2)
    variance of dg  <= u^2 / 3 (G^T^2 (2 Q + R) G^2 + 8 S + dg^2)

where X^2 squares each element. The k products p of U and V (of D and V) sum up to M, and their
squares to Q: a rounding of U, one of the product. R is of the partial sums of the p: the order of
the additions belongs to the kernel, and in the mean of all orders the squares of partial sums add
up to R = (k + 1) / 6 (Q + 2 M^2). S is of the transforms, whose errors depend on each other within
a tile: the sum over the products of (|A^T| (|U| * (|B^T| |d| |B|)) |A|)^2, likewise for D.
"""

from collections.abc import Iterable

import numpy

from tests.rounding.bits import UNIT, Host, roundings

_A, _B = 0.5**0.5, 2**0.5
SIGNED_INPUT = numpy.asarray(
    [
        [1, 0, -2.5, 0, 1, 0],
        [0, -2 * _A, -2, _A, 1, 0],
        [0, 2 * _A, -2, -_A, 1, 0],
        [0, -_B / 2, -0.5, _B, 1, 0],
        [0, _B / 2, -0.5, -_B, 1, 0],
        [0, 1, 0, -2.5, 0, 1],
    ]
)
SIGNED_FILTER = numpy.asarray(
    [
        [1, 0, 0],
        [-2 / 3, -2 * _A / 3, -1 / 3],
        [-2 / 3, 2 * _A / 3, -1 / 3],
        [1 / 6, _B / 6, 1 / 3],
        [1 / 6, -_B / 6, 1 / 3],
        [0, 0, 1],
    ]
)
SIGNED_OUTPUT = numpy.asarray(
    [
        [1, 1, 1, 1, 1, 0],
        [0, _A, -_A, _B, -_B, 0],
        [0, 0.5, 0.5, 2, 2, 0],
        [0, _A / 2, -_A / 2, 2 * _B, -2 * _B, 1],
    ]
)
"""B^T, G and A^T."""
INPUT, FILTER, OUTPUT = abs(SIGNED_INPUT), abs(SIGNED_FILTER), abs(SIGNED_OUTPUT)


def error_of_convolution(x: Host, w: Host, out: tuple[int, int], before: tuple[int, int]) -> Host:
    """Bound the error of y (n, f, *out); x (n, c, h, w) begins `before` its first window."""
    seen = both(INPUT, tiles(abs(x), out, before, 6))
    products = numpy.einsum("ncpqij,fcij->nfpqij", seen, both(FILTER, abs(w)), optimize=True)
    magnitude = both(OUTPUT, products).transpose(0, 1, 2, 4, 3, 5)
    whole = magnitude.reshape(*magnitude.shape[:2], magnitude.shape[2] * 4, -1)
    return roundings(1 + 8 + x.shape[1] + 10 + 1) * UNIT * whole[:, :, : out[0], : out[1]]


def error_of_image_gradient(
    dy: Host, w: Host, out: tuple[int, int], before: tuple[int, int]
) -> Host:
    """Bound the error of dx (n, c, *out), of a convolution whose x begins `before` its window."""
    turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return error_of_convolution(dy, turned, out, (2 - before[0], 2 - before[1]))


def error_of_filter_gradient(x: Host, dy: Host, before: tuple[int, int]) -> Host:
    """Bound the error of dw (f, c, 3, 3)."""
    out = (dy.shape[2], dy.shape[3])
    seen = both(INPUT, tiles(abs(x), out, before, 6))
    given = both(OUTPUT.T, tiles(abs(dy), out, (0, 0), 4))
    sums = numpy.einsum("ncpqij,nfpqij->fcij", seen, given, optimize=True)
    count = len(x) * seen.shape[2] * seen.shape[3]
    return roundings(8 + 8 + count + 1) * UNIT * both(FILTER.T, sums)


def spread_of_convolution(x: Host, w: Host, before: tuple[int, int]) -> float:
    """Bound the root of the mean square of y's errors, whose tiles are whole and x float64."""
    out = (x.shape[2] + 2 * before[0] - 2, x.shape[3] + 2 * before[1] - 2)
    cut = tiles(x, out, before, 6).transpose(1, 0, 2, 3, 4, 5)[:, :, None]  # c, n, 1, p, q, 6, 6
    seen, most = both(SIGNED_INPUT, cut), both(INPUT, abs(cut))
    u = both(SIGNED_FILTER, w).transpose(1, 0, 2, 3)[:, :, None, None]  # c, f, 1, 1, 6, 6
    pairs = (
        (u_of, seen_of, [abs(u_of) * most_of])
        for u_of, seen_of, most_of in zip(u, seen, most, strict=True)
    )
    m, variance = spread(pairs, SIGNED_OUTPUT, len(u))
    return _root(variance + 10 * both(OUTPUT, abs(m)) ** 2)


def spread_of_filter_gradient(x: Host, dy: Host, before: tuple[int, int]) -> float:
    """Bound the root of the mean square of dw's errors, where the tiles of dy are whole."""
    out = (dy.shape[2], dy.shape[3])
    cut, given = tiles(x, out, before, 6), tiles(dy, out, (0, 0), 4)
    # a row for each tile: tiles, 1, c, 6, 6 and tiles, f, 1, 4, 4
    cut = cut.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 1, x.shape[1], 6, 6)
    given = given.transpose(0, 2, 3, 1, 4, 5).reshape(-1, dy.shape[1], 1, 4, 4)
    v, v_most = both(SIGNED_INPUT, cut), both(INPUT, abs(cut))
    d, d_most = both(SIGNED_OUTPUT.T, given), both(OUTPUT.T, abs(given))
    pairs = ((d[i], v[i], [d_most[i] * abs(v[i]), abs(d[i]) * v_most[i]]) for i in range(len(v)))
    m, variance = spread(pairs, SIGNED_FILTER.T, len(v))
    return _root(variance + both(SIGNED_FILTER.T, m) ** 2)


def spread(
    pairs: Iterable[tuple[Host, Host, list[Host]]], outer: Host, count: int
) -> tuple[Host, Host]:
    """Return M and, in u^2 / 3, the variance of outer M outer^T, but for its own roundings.

    pairs: factors, and the absolute values of the terms of their product that transforms round.
    """
    m = q = s = numpy.zeros(())
    for a, b, rounded in pairs:
        product = a * b
        m, q = m + product, q + product**2
        s = s + sum(both(abs(outer), terms) ** 2 for terms in rounded)
    partial_sums = (count + 1) / 6 * (q + 2 * m**2)
    return m, both(outer**2, 2 * q + partial_sums) + 8 * s


def _root(variance: Host) -> float:
    return float(UNIT * (variance.mean() / 3) ** 0.5)


def both(transform: Host, x: Host) -> Host:
    """Transform the last two axes."""
    transformed: Host = transform @ x @ transform.T
    return transformed


def tiles(x: Host, out: tuple[int, int], before: tuple[int, int], size: int) -> Host:
    """Return x, zero where there is none, in tiles (n, c, tiles down, across, size, size)."""
    whole = x
    for axis in (0, 1):
        at = numpy.arange(-(-out[axis] // 4) * 4 - 4 + size) - before[axis]
        inside = ((at >= 0) & (at < x.shape[2 + axis])).reshape(-1, *[1] * (1 - axis))
        whole = whole.take(at, 2 + axis, mode="clip") * inside
    return numpy.lib.stride_tricks.sliding_window_view(whole, (size, size), (2, 3))[:, :, ::4, ::4]
