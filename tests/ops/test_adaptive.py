"""Adaptive pooling by hand, and against plain loops over the windows; its windows and theirs."""

import math
from fractions import Fraction
from typing import Any

import numpy
import pytest

from tests.compare import assert_near, assert_same
from tests.lib import Host, Lib, strided
from tests.ops.exact import draw, flat
from tests.rounding import exact
from xpcnn import ops
from xpcnn.ops.reference.adaptive import spans

X = [[[[1.0, 2.0, 6.0], [3.0, 5.0, 4.0]]]]


def test_by_hand(lib: Lib) -> None:
    """Of three columns, two windows of two each: the middle column lies in both."""
    y, pullback = ops.adaptive_avg_pool2d(lib.asarray(X), size=(1, 2))
    assert_same(y, [[[[11 / 4, 17 / 4]]]], lib)
    (dx,) = pullback(lib.asarray([[[[4.0, 8.0]]]]))
    assert_same(dx, [[[[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]]]], lib)
    y, pullback = ops.adaptive_max_pool2d(lib.asarray(X), size=(1, 2))
    assert_same(y, [[[[5.0, 6.0]]]], lib)
    (dx,) = pullback(lib.asarray([[[[4.0, 8.0]]]]))
    assert_same(dx, [[[[0.0, 0.0, 8.0], [0.0, 4.0, 0.0]]]], lib)


def test_more_windows_than_pixels(lib: Lib) -> None:
    y, pullback = ops.adaptive_avg_pool2d(lib.asarray([[[[1.0, 3.0]]]]), size=(1, 3))
    assert_same(y, [[[[1.0, 2.0, 3.0]]]], lib)
    assert_same(pullback(lib.asarray([[[[1.0, 2.0, 4.0]]]]))[0], [[[[2.0, 5.0]]]], lib)


def test_the_windows_of_an_element_are_those_that_hold_it() -> None:
    assert spans(5, 3) == [range(2), range(1, 4), range(3, 5)]
    for length in range(1, 12):
        for parts in range(1, 12):
            windows = spans(length, parts)
            for p, window in enumerate(windows):
                first = math.floor(Fraction(p * length, parts))
                assert window == range(first, math.ceil(Fraction((p + 1) * length, parts)))
            for r, around in enumerate(spans(parts, length)):
                assert [*around] == [p for p, window in enumerate(windows) if r in window]


SIZES = [((2, 3, 5, 7), (3, 4)), ((1, 1, 4, 6), (2, 3)), ((3, 2, 3, 2), (5, 2)), ((1, 2, 6, 5), 1)]


def by_loops(x: Host, size: Any, dy: Host, largest: bool) -> tuple[Host, Host]:
    """Return y and dx, window by window."""
    n, c, h, w = x.shape
    ho, wo = (size, size) if isinstance(size, int) else size
    y, dx = numpy.zeros((n, c, ho, wo)), numpy.zeros(x.shape)
    for i, j, p, q in numpy.ndindex(n, c, ho, wo):
        rows = slice(p * h // ho, math.ceil((p + 1) * h / ho))
        columns = slice(q * w // wo, math.ceil((q + 1) * w / wo))
        window, share = x[i, j, rows, columns], dx[i, j, rows, columns]
        if largest:
            at = numpy.unravel_index(window.argmax(), window.shape)  # the first of equal ones
            y[i, j, p, q] = window[at]
            share[at] += dy[i, j, p, q]
        else:
            y[i, j, p, q] = window.mean()
            share += dy[i, j, p, q] / window.size
    return y, dx


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_equal_to_loops(lib: Lib, shape: tuple[int, ...], size: Any, dtype: str) -> None:
    dy = draw(*shape[:2], *((size, size) if isinstance(size, int) else size))
    for name, x in (("adaptive_avg_pool2d", draw(*shape)), ("adaptive_max_pool2d", flat(*shape))):
        wide, wide_dy = x.astype("float64"), dy.astype("float64")
        expected, expected_dx = by_loops(wide, size, wide_dy, "max" in name)
        rounded, rounded_back = getattr(ops, name)(exact(x), size=size)
        (bounds,) = rounded_back(exact(dy))
        for place in (lib, strided(lib)):
            y, pullback = getattr(ops, name)(place.asarray(x, dtype), size=size)
            assert_near(y, expected, rounded, lib, name)
            assert_near(pullback(place.asarray(dy, dtype))[0], expected_dx, bounds, lib, "dx")
