"""Dropout, by hand: its randomness is an argument."""

import numpy

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops


def test_drops_below_the_rate_and_scales_the_rest(lib: Lib) -> None:
    x = lib.asarray([[1.0, 2.0, 3.0, 4.0]])
    uniform = lib.asarray(numpy.asarray([[0.0, 0.125, 0.25, 0.75]], "float32"))
    y, pullback = ops.dropout(x, uniform, rate=0.25)
    assert_same(y, [[0.0, 0.0, 4.0, 16 / 3]], lib)
    dx, nothing = pullback(lib.asarray([[3.0, 3.0, 3.0, 3.0]]))
    assert_same(dx, [[0.0, 0.0, 4.0, 4.0]], lib)
    assert nothing is None


def test_rate_0_keeps_everything(lib: Lib) -> None:
    x = [[1.0, 2.0]]
    uniform = lib.asarray(numpy.zeros((1, 2), "float32"))
    assert_same(ops.dropout(lib.asarray(x), uniform, rate=0.0)[0], x, lib)
