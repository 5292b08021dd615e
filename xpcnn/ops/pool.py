"""Pooling, with its checks. Definition: `reference/pool.py`."""

from functools import cache

from xpcnn.errors import ConfigError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays, check_pixels, check_rank
from xpcnn.ops.dispatch import op
from xpcnn.ops.hyperparameter_checks import check_pair, window_shape
from xpcnn.ops.reference.windows import Padding, Pair, pair, sides
from xpcnn.types import Array


def pool_shape(
    name: str,
    image: tuple[int, int],
    size: Pair,
    stride: Pair | None,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[int, int]:
    """Return (ho, wo) of a pooling op; no window may lie in the padding alone."""
    stride = size if stride is None else stride
    out = window_shape(name, image, size, stride, padding, dilation, ceil_mode)
    if padding not in (0, "valid"):
        around = sides(padding, image, pair(size), pair(stride), pair(dilation))
        axes = zip(image, pair(size), pair(stride), pair(dilation), out, around, strict=True)
        if any(_misses(n, k, s, d, o, before) for n, k, s, d, o, (before, _) in axes):
            raise ConfigError(
                hint(
                    f"{name}: with padding {padding!r}, a window of size {size!r} lies in the "
                    "padding alone",
                    "less padding",
                )
            )
    return out


@cache
def _misses(n: int, k: int, stride: int, dilation: int, out: int, before: int) -> bool:
    """Whether one of `out` windows along an axis of n elements touches none of them.

    Window p starts at s = p * stride - before. In time that does not grow with the numbers.
    """
    first, last = -before, (out - 1) * stride - before
    if first + dilation * (k - 1) < 0 or last >= n:
        return True  # the first window ends before the axis, or the last starts behind it
    # a window that starts before the axis touches it first at s mod dilation, unless that is >= n
    early = min(out, -(-before // stride))
    return dilation > n and early > (
        floor_sum(early, dilation, stride, first) - floor_sum(early, dilation, stride, first - n)
    )


def floor_sum(count: int, m: int, a: int, b: int) -> int:
    """Return Σ ⌊(a·p + b) / m⌋ over p = 0 ... count - 1, by the steps of Euclid's algorithm.

    The p with (a·p + b) mod m < n are as many as floor_sum(b) - floor_sum(b - n).
    """
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (a // m) + count * (b // m)
        a, b = a % m, b % m
        count, b = divmod(a * count + b, m)
        a, m = m, a
    return total


def _check_max_pool2d(
    x: Array,
    *,
    size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> None:
    check_arrays("max_pool2d", x=x)
    check_rank("max_pool2d", "x", x, "(n, c, h, w)")
    image = (x.shape[2], x.shape[3])
    pool_shape("max_pool2d", image, size, stride, padding, dilation, ceil_mode)


def _check_avg_pool2d(
    x: Array,
    *,
    size: Pair,
    stride: Pair | None = None,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: float | None = None,
) -> None:
    check_arrays("avg_pool2d", x=x)
    check_rank("avg_pool2d", "x", x, "(n, c, h, w)")
    image = (x.shape[2], x.shape[3])
    if divisor == 0:
        raise ConfigError(
            hint("avg_pool2d: divisor is 0", "divisor=None, for the number of elements")
        )
    pool_shape("avg_pool2d", image, size, stride, padding, dilation, ceil_mode)


def _check_adaptive_avg_pool2d(x: Array, *, size: Pair) -> None:
    check_pair("adaptive_avg_pool2d", "size", size)
    check_pixels("adaptive_avg_pool2d", x)


def _check_adaptive_max_pool2d(x: Array, *, size: Pair) -> None:
    check_pair("adaptive_max_pool2d", "size", size)
    check_pixels("adaptive_max_pool2d", x)


def _check_global_avg_pool2d(x: Array) -> None:
    check_pixels("global_avg_pool2d", x)


def _check_global_max_pool2d(x: Array) -> None:
    check_pixels("global_max_pool2d", x)


max_pool2d = op(reference.max_pool2d, _check_max_pool2d, half=True)
avg_pool2d = op(reference.avg_pool2d, _check_avg_pool2d)
adaptive_avg_pool2d = op(reference.adaptive_avg_pool2d, _check_adaptive_avg_pool2d)
adaptive_max_pool2d = op(reference.adaptive_max_pool2d, _check_adaptive_max_pool2d, half=True)
global_avg_pool2d = op(reference.global_avg_pool2d, _check_global_avg_pool2d)
global_max_pool2d = op(reference.global_max_pool2d, _check_global_max_pool2d, half=True)
