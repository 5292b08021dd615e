"""Conversions and the loss scale, by hand; many arrays, large and small, in one launch."""

import math
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.compare import assert_same
from tests.lib import Lib
from tests.ops.exact import launches_are_seen
from xpcnn import ops

SIZES = [(), (3,), (2, 0), (700,), (30, 20), *[(2,)] * 130]
"""Of more arrays than a launch takes; some of several blocks, one without elements."""
FULL = [shape for shape in SIZES if 0 not in shape]


def drawn(shapes: list[Any], seed: int = 0) -> list[numpy.ndarray]:
    rng = numpy.random.default_rng(seed)
    return [numpy.asarray(rng.standard_normal(shape), "float32") for shape in shapes]


def test_conversions(lib: Lib) -> None:
    other = "float64" if lib.name == "array-api-strict" else "float16"  # which it has not
    given = drawn(FULL)
    fake_cupy.launches.clear()
    half = ops.converted(*map(lib.asarray, given), dtype=lib.backend.dtype(other))
    wide = ops.converted(*half, dtype=lib.backend.dtype("float32"))
    if launches_are_seen(lib):
        assert fake_cupy.launches == ["narrow_all"] * 2 + ["widen_all"] * 2
    for x, rounded, again in zip(given, half, wide, strict=True):
        assert rounded.dtype == lib.backend.dtype(other)
        assert_same(again, x.astype(other).astype("float32"), lib)
    assert ops.converted(dtype=lib.backend.dtype("float32")) == ()


def test_gradients_without_the_scale(lib: Lib) -> None:
    given = drawn(FULL)
    fake_cupy.launches.clear()
    good, *found = ops.unscaled(lib.asarray(8.0, "float32"), *map(lib.asarray, given))
    if launches_are_seen(lib):
        assert fake_cupy.launches == ["check_scale"] + ["check_all"] * 2 + ["unscale_all"] * 2
    assert_same(good, numpy.asarray(True), lib)
    for x, g in zip(given, found, strict=True):
        assert_same(g, x / 8, lib)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("place", [0, 3, -1])
def test_one_number_that_is_not_finite(lib: Lib, place: int, bad: float) -> None:
    given = drawn(FULL)
    given[place] = numpy.asarray(given[place])
    given[place][(-1,) * given[place].ndim] = bad
    good, *found = ops.unscaled(lib.asarray(8.0, "float32"), *map(lib.asarray, given))
    assert_same(good, numpy.asarray(False), lib)
    for x, g in zip(given, found, strict=True):
        assert_same(g, numpy.zeros_like(x), lib)


@pytest.mark.parametrize("scale", [math.inf, math.nan])
def test_a_scale_that_is_not_finite(lib: Lib, scale: float) -> None:
    good, g = ops.unscaled(lib.asarray(scale, "float32"), lib.asarray([1.0, 2.0], "float32"))
    assert_same(good, numpy.asarray(False), lib)
    assert_same(g, numpy.zeros(2, "float32"), lib)


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("shapes", [FULL, SIZES], ids=["full", "with an empty one"])
def test_new_arrays_are_kept_if_the_update_is_good(lib: Lib, good: bool, shapes: list[Any]) -> None:
    new, old = drawn(shapes), drawn(shapes, seed=1)
    fake_cupy.launches.clear()
    kept = ops.kept_if(lib.asarray(good), *map(lib.asarray, new + old))
    if launches_are_seen(lib):
        assert fake_cupy.launches == ([] if shapes is SIZES else ["keep_all"] * 2)
    for found, expected in zip(kept, new if good else old, strict=True):
        assert_same(found, expected, lib)


@pytest.mark.parametrize(
    ("before", "good", "after"),
    [
        ((8, 0, 5), True, (8, 1, 5)),
        ((8, 1, 5), True, (8, 2, 5)),
        ((8, 2, 5), True, (16, 0, 5)),
        ((8, 2, 5), False, (4, 0, 6)),
        ((64, 2, 0), True, (64, 0, 0)),  # the largest
        ((1, 0, 0), False, (0.5, 0, 1)),
    ],
)
def test_the_next_scale(lib: Lib, before: Any, good: bool, after: Any) -> None:
    given = (lib.asarray(x, "float32") for x in before)
    found = ops.next_scale(*given, lib.asarray(good), grow_after=3, largest=64.0)
    for x, expected in zip(found, after, strict=True):
        assert_same(x, numpy.asarray(expected, "float32"), lib)
