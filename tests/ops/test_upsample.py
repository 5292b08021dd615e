"""Upsampling by hand, and its gradient as the adjoint."""

from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops


def test_nearest_by_hand(lib: Lib) -> None:
    y, pullback = ops.upsample2d(lib.asarray([[[[1.0, 2.0]]]]), size=(2, 4))
    assert_same(y, [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]], lib)
    (dx,) = pullback(lib.asarray([[[[1.0, 2.0, 4.0, 8.0], [0.0, 0.0, 0.0, 16.0]]]]))
    assert_same(dx, [[[[3.0, 28.0]]]], lib)


def test_bilinear_by_hand(lib: Lib) -> None:
    """Outputs lie at -1/4 (limited to 0), 1/4, 3/4 and 5/4 (limited to 1) of the input."""
    y, pullback = ops.upsample2d(lib.asarray([[[[0.0, 4.0]]]]), size=(1, 4), mode="bilinear")
    assert_same(y, [[[[0.0, 1.0, 3.0, 4.0]]]], lib)
    (dx,) = pullback(lib.asarray([[[[1.0, 4.0, 8.0, 16.0]]]]))
    assert_same(dx, [[[[1.0 + 3.0 + 2.0, 1.0 + 6.0 + 16.0]]]], lib)


def test_to_fewer_pixels(lib: Lib) -> None:
    x = lib.asarray([[[[0.0, 1.0, 2.0, 3.0]]]])
    y, pullback = ops.upsample2d(x, size=(1, 2))
    assert_same(y, [[[[0.0, 2.0]]]], lib)
    assert_same(pullback(lib.asarray([[[[5.0, 7.0]]]]))[0], [[[[5.0, 0.0, 7.0, 0.0]]]], lib)
    assert_same(ops.upsample2d(x, size=(1, 2), mode="bilinear")[0], [[[[0.5, 2.5]]]], lib)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("size", [(10, 9), (3, 7), 1], ids=str)
def test_the_gradient_is_the_adjoint(lib: Lib, mode: str, size: Any) -> None:
    """<y(x), g> = <x, dx(g)>, as resizing is linear."""
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((2, 3, 5, 3))
    y, pullback = ops.upsample2d(lib.asarray(x), size=size, mode=mode)
    g = rng.standard_normal(tuple(y.shape))
    difference = numpy.sum(x * lib.to_host(pullback(lib.asarray(g))[0])) - numpy.sum(
        lib.to_host(y) * g
    )
    assert abs(difference) <= 1e-14 * numpy.sum(numpy.abs(x)) * numpy.sum(numpy.abs(g))


def test_a_number_that_is_not_finite_stays_in_its_place(lib: Lib) -> None:
    x = lib.asarray([[[[numpy.inf, 0.0, 0.0]]]])
    for mode, reached in (("nearest", 2), ("bilinear", 3)):
        y = lib.to_host(ops.upsample2d(x, size=(1, 6), mode=mode)[0])
        assert numpy.isfinite(y).tolist() == [[[[i >= reached for i in range(6)]]]]
