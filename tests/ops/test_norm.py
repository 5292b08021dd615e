"""Batch normalisation, by hand."""

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops

S = 1 / numpy.sqrt(5.0)  # 1 / deviation of [-3, -1, 1, 3]


def test_training_by_hand(lib: Lib) -> None:
    """Two channels, each with -3, -1, 1, 3 around its mean, over two samples of two pixels."""
    x = lib.asarray([[[[7.0, 9.0]], [[3.0, 1.0]]], [[[11.0, 13.0]], [[-1.0, -3.0]]]])
    gamma, beta = lib.asarray([1.0, 2.0]), lib.asarray([0.0, 5.0])
    (y, mean, var), pullback = ops.batch_norm(x, gamma, beta, eps=0.0)
    assert_same(mean, [10.0, 0.0], lib)
    assert_same(var, [5.0, 5.0], lib)  # biased: (9 + 1 + 1 + 9) / 4
    first, second = numpy.array([-3, -1, 1, 3]) * S, 5 + 2 * numpy.array([3, 1, -1, -3]) * S
    expected = [[[first[:2]], [second[:2]]], [[first[2:]], [second[2:]]]]
    assert_same(y, expected, lib)

    dy = [[[[1.0, 0.0]], [[1.0, 1.0]]], [[[0.0, 0.0]], [[1.0, 1.0]]]]
    dx, dgamma, dbeta = pullback(lib.asarray(dy))
    assert_same(dgamma, [-3 * S, 0.0], lib)
    assert_same(dbeta, [1.0, 4.0], lib)
    # channel 0: S * (dy - 1/4 - xhat * (-3 S) / 4) with xhat = [-3, -1, 1, 3] S and S^2 = 1/5
    channel = S * numpy.array([1 - 0.25 - 0.45, -0.25 - 0.15, -0.25 + 0.15, -0.25 + 0.45])
    assert_same(dx, [[[channel[:2]], [[0.0, 0.0]]], [[channel[2:]], [[0.0, 0.0]]]], lib)


def test_eps_is_inside_the_root(lib: Lib) -> None:
    (y, _, _), _ = ops.batch_norm(lib.asarray([[-1.0], [1.0]]), None, None, eps=3.0)
    assert_same(y, [[-0.5], [0.5]], lib)


def test_scale_and_shift_may_be_missing(lib: Lib) -> None:
    x, two = lib.asarray([[-1.0], [1.0]]), lib.asarray([2.0])
    (y, _, _), pullback = ops.batch_norm(x, two, None, eps=0.0)
    assert_same(y, [[-2.0], [2.0]], lib)
    assert [g is None for g in pullback(x)] == [False, False, True]
    (y, _, _), pullback = ops.batch_norm(x, None, two, eps=0.0)
    assert_same(y, [[1.0], [3.0]], lib)
    assert [g is None for g in pullback(x)] == [False, True, False]


@pytest.mark.parametrize("op", ["batch_norm", "batch_norm_relu", "batch_norm_add_relu"])
def test_running_statistics_by_hand(lib: Lib, dtype: str, op: str) -> None:
    """Means 10 and 0, unbiased variances 4 / 3; the gradients are those without them."""
    x = lib.asarray([[[[9.0, 11.0]], [[1.0, -1.0]]], [[[9.0, 11.0]], [[-1.0, 1.0]]]], dtype)
    running = lib.asarray([2.0, 4.0], dtype), lib.asarray([1.0, 2.0], dtype), 0.75
    arrays = [x, None, None, *([x] if op == "batch_norm_add_relu" else [])]
    (y, mean, var), pullback = getattr(ops, op)(*arrays, running=running)
    (expected, *_), back = getattr(ops, op)(*arrays)
    assert_same(mean, numpy.asarray([8.0, 1.0], dtype), lib)
    assert_same(var, numpy.asarray([1.25, 1.5], dtype), lib)
    assert_same(y, lib.to_host(expected), lib)
    for found, wanted in zip(pullback(x), back(x), strict=True):
        if found is not None:
            assert_same(found, lib.to_host(wanted), lib)


def test_inference_by_hand(lib: Lib) -> None:
    x = lib.asarray([[1.0, 10.0], [3.0, 10.0]])
    vectors = ([2.0, 1.0], [0.5, 0.0], [1.0, 4.0], [4.0, 9.0])  # gamma, beta, mean, var
    y, pullback = ops.batch_norm_inference(x, *map(lib.asarray, vectors), eps=0.0)
    assert_same(y, [[0.5, 2.0], [2.5, 2.0]], lib)
    dx, dgamma, dbeta, dmean, dvar = pullback(lib.asarray([[1.0, 3.0], [10.0, 0.0]]))
    assert_same(dx, [[1.0, 1.0], [10.0, 0.0]], lib)
    assert_same(dgamma, [10.0, 6.0], lib)
    assert_same(dbeta, [11.0, 3.0], lib)
    assert dmean is None
    assert dvar is None


def test_variance_in_two_passes(lib: Lib) -> None:
    """E[x^2] - E[x]^2 would be far off at a mean of 10,000 in float32, or negative."""
    x = lib.asarray([[9999.0], [10001.0]], "float32")
    (_, mean, var), _ = ops.batch_norm(x, None, None)
    assert_same(mean, numpy.asarray([10000.0], "float32"), lib)
    assert_same(var, numpy.asarray([1.0], "float32"), lib)


def test_raw_pixels_are_normalised(lib: Lib) -> None:
    x = lib.asarray(numpy.asarray([[[[0, 255]], [[10, 30]]]], "uint8"))
    mean, std = lib.asarray([127.5, 20.0], "float32"), lib.asarray([127.5, 5.0], "float32")
    y = ops.normalise(x, mean, std)
    assert_same(y, numpy.asarray([[[[-1, 1]], [[-2, 2]]]], "float32"), lib)
