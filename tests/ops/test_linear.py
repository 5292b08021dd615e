"""The dense product and changes of shape, by hand."""

import numpy

from tests.compare import assert_same
from tests.lib import Lib, strided
from xpcnn import ops


def test_dense_by_hand(lib: Lib) -> None:
    x = lib.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    w = lib.asarray([[1.0, 10.0, 100.0, 0.0], [2.0, 20.0, 200.0, 1.0]])
    y, pullback = ops.dense(x, w, lib.asarray([0.0, 0.0, 0.0, 0.5]))
    expected = [
        [5.0, 50.0, 500.0, 2.5],
        [11.0, 110.0, 1100.0, 4.5],
        [17.0, 170.0, 1700.0, 6.5],
    ]
    assert_same(y, expected, lib)
    dy = lib.asarray([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]])
    dx, dw, db = pullback(dy)
    assert_same(dx, [[1.0, 2.0], [10.0, 20.0], [0.0, 2.0]], lib)
    assert_same(dw, [[1.0, 3.0, 0.0, 10.0], [2.0, 4.0, 0.0, 12.0]], lib)
    assert_same(db, [1.0, 1.0, 0.0, 2.0], lib)


def test_dense_without_bias(lib: Lib) -> None:
    y, pullback = ops.dense(lib.asarray([[3.0]]), lib.asarray([[2.0]]))
    assert_same(y, [[6.0]], lib)
    assert pullback(lib.asarray([[1.0]]))[2] is None


def test_flatten_goes_through_channels_last_of_all(lib: Lib) -> None:
    x = numpy.arange(12.0).reshape(1, 3, 2, 2)
    for place in (lib, strided(lib)):  # the order in memory does not matter
        y, pullback = ops.flatten(place.asarray(x))
        assert_same(y, [[0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]], lib)
        (dx,) = pullback(place.asarray(numpy.arange(12.0).reshape(1, 12)))
        assert_same(dx, x, lib)


def test_reshape_of_no_samples(lib: Lib) -> None:
    y, pullback = ops.reshape(lib.asarray(numpy.zeros((0, 6))), shape=(3, -1))
    assert_same(y, numpy.zeros((0, 3, 2)), lib)
    (dx,) = pullback(y)
    assert_same(dx, numpy.zeros((0, 6)), lib)


def test_reshape_keeps_the_samples(lib: Lib) -> None:
    x = numpy.arange(12.0).reshape(2, 6)
    for shape in ((3, 1, 2), (3, -1, 2)):
        y, pullback = ops.reshape(lib.asarray(x), shape=shape)
        assert_same(y, x.reshape(2, 3, 1, 2), lib)
        (dx,) = pullback(lib.asarray(x.reshape(2, 3, 1, 2)))
        assert_same(dx, x, lib)
