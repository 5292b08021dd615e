"""Softmax and its logarithm, by hand."""

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops

LOGS = numpy.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])  # scores whose softmax is simple
P = numpy.asarray([[0.125, 0.25, 0.625], [0.25, 0.25, 0.5]])


def test_softmax_by_hand(lib: Lib) -> None:
    y, pullback = ops.softmax(lib.asarray(LOGS))
    assert_same(y, P, lib)
    (dx,) = pullback(lib.asarray([[8.0, 0.0, 0.0], [0.0, 0.0, 4.0]]))
    # y_i (dy_i - sum dy_k y_k): the sums are 1 and 2
    assert_same(dx, [[0.875, -0.25, -0.625], [-0.5, -0.5, 1.0]], lib)


def test_log_softmax_by_hand(lib: Lib) -> None:
    y, pullback = ops.log_softmax(lib.asarray(LOGS))
    assert_same(y, numpy.log(P), lib)
    (dx,) = pullback(lib.asarray([[8.0, 0.0, 0.0], [0.0, 0.0, 4.0]]))
    assert_same(dx, [[7.0, -2.0, -5.0], [-1.0, -1.0, 2.0]], lib)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_along_another_axis(lib: Lib, name: str) -> None:
    op = getattr(ops, name)
    rows, rows_pullback = op(lib.asarray(LOGS))
    columns, columns_pullback = op(lib.asarray(LOGS.T.copy()), axis=0)
    assert_same(columns, lib.to_host(rows).T, lib)
    dy = numpy.arange(6.0).reshape(2, 3)
    expected = lib.to_host(rows_pullback(lib.asarray(dy))[0]).T
    assert_same(columns_pullback(lib.asarray(dy.T.copy()))[0], expected, lib)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_large_scores_do_not_overflow(lib: Lib, name: str) -> None:
    op = getattr(ops, name)
    expected = lib.to_host(op(lib.asarray([[0.0, 2.0]]))[0])
    assert_same(op(lib.asarray([[1e6, 1e6 + 2]]))[0], expected, lib)
    assert_same(op(lib.asarray([[-1e6 - 2, -1e6]]))[0], expected, lib)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_along_an_empty_axis_there_is_nothing(lib: Lib, name: str) -> None:
    x = lib.asarray(numpy.zeros((2, 0)))
    y, pullback = getattr(ops, name)(x)
    assert_same(y, numpy.zeros((2, 0)), lib)
    assert_same(pullback(y)[0], numpy.zeros((2, 0)), lib)
    y, pullback = getattr(ops, name)(x, axis=0)
    assert_same(pullback(y)[0], numpy.zeros((2, 0)), lib)
