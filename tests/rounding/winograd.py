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
"""

import numpy

from tests.rounding.bits import UNIT, Host, roundings

_A, _B = 0.5**0.5, 2**0.5
INPUT = abs(
    numpy.asarray(
        [
            [1, 0, -2.5, 0, 1, 0],
            [0, -2 * _A, -2, _A, 1, 0],
            [0, 2 * _A, -2, -_A, 1, 0],
            [0, -_B / 2, -0.5, _B, 1, 0],
            [0, _B / 2, -0.5, -_B, 1, 0],
            [0, 1, 0, -2.5, 0, 1],
        ]
    )
)
FILTER = abs(
    numpy.asarray(
        [
            [1, 0, 0],
            [-2 / 3, -2 * _A / 3, -1 / 3],
            [-2 / 3, 2 * _A / 3, -1 / 3],
            [1 / 6, _B / 6, 1 / 3],
            [1 / 6, -_B / 6, 1 / 3],
            [0, 0, 1],
        ]
    )
)
OUTPUT = abs(
    numpy.asarray(
        [
            [1, 1, 1, 1, 1, 0],
            [0, _A, -_A, _B, -_B, 0],
            [0, 0.5, 0.5, 2, 2, 0],
            [0, _A / 2, -_A / 2, 2 * _B, -2 * _B, 1],
        ]
    )
)
"""|B^T|, |G| and |A^T|."""


def error_of_convolution(x: Host, w: Host, out: tuple[int, int], before: tuple[int, int]) -> Host:
    """Bound the error of y (n, f, *out); x (n, c, h, w) begins `before` its first window."""
    seen = both(INPUT, tiles(x, out, before, 6))
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
    seen, given = both(INPUT, tiles(x, out, before, 6)), both(OUTPUT.T, tiles(dy, out, (0, 0), 4))
    sums = numpy.einsum("ncpqij,nfpqij->fcij", seen, given, optimize=True)
    count = len(x) * seen.shape[2] * seen.shape[3]
    return roundings(8 + 8 + count + 1) * UNIT * both(FILTER.T, sums)


def both(transform: Host, x: Host) -> Host:
    """Transform the last two axes."""
    transformed: Host = transform @ x @ transform.T
    return transformed


def tiles(x: Host, out: tuple[int, int], before: tuple[int, int], size: int) -> Host:
    """Return |x|, zero where there is none, in tiles (n, c, tiles down, across, size, size)."""
    whole = abs(x)
    for axis in (0, 1):
        at = numpy.arange(-(-out[axis] // 4) * 4 - 4 + size) - before[axis]
        inside = ((at >= 0) & (at < x.shape[2 + axis])).reshape(-1, *[1] * (1 - axis))
        whole = whole.take(at, 2 + axis, mode="clip") * inside
    return numpy.lib.stride_tricks.sliding_window_view(whole, (size, size), (2, 3))[:, :, ::4, ::4]
