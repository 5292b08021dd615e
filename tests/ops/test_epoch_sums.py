"""Counting and the sums of an epoch, by hand."""

import math

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops
from xpcnn.errors import ShapeError


@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_equal_elements_are_counted(lib: Lib, dtype: str) -> None:
    x = numpy.arange(700).astype(dtype)
    other = numpy.where(x % 3 == 0, x, -x - 1)  # 234 are equal
    assert_same(ops.count_equal(lib.asarray(x), lib.asarray(other)), numpy.asarray(234), lib)


def test_other_shapes_are_refused(lib: Lib) -> None:
    with pytest.raises(ShapeError, match="count_equal: x has shape"):
        ops.count_equal(lib.asarray([1, 2]), lib.asarray([[1, 2]]))


@pytest.mark.parametrize(
    ("finite", "loss", "expected"),
    [(True, 0.5, True), (False, 0.5, False), (True, math.inf, False), (True, math.nan, False)],
)
def test_sums_after_one_more_batch(
    lib: Lib, dtype: str, finite: bool, loss: float, expected: bool
) -> None:
    """Four samples of which three are right."""
    before = lib.asarray(2.0, dtype), lib.asarray(10), lib.asarray(finite)
    sums = ops.tally(*before, lib.asarray(loss, dtype), lib.asarray(3), samples=4)
    assert_same(sums[0], numpy.asarray(2.0 + 4 * loss, dtype), lib)
    assert_same(sums[1], numpy.asarray(13), lib)
    assert_same(sums[2], numpy.asarray(expected), lib)
