"""Layer and group normalisation by hand, and what they have in common with each other."""

from typing import Any

import numpy

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops


def test_layer_norm_by_hand(lib: Lib) -> None:
    """Mean 2, variance 1; with eps = 3 the root is 2."""
    gamma, beta = lib.asarray([2.0, 4.0]), lib.asarray([10.0, 20.0])
    y, pullback = ops.layer_norm(lib.asarray([[1.0, 3.0]]), gamma, beta, axes=(1,), eps=3.0)
    assert_same(y, [[9.0, 22.0]], lib)
    dx, dgamma, dbeta = pullback(lib.asarray([[1.0, 0.0]]))
    # dxhat = (2, 0), its mean 1, that of dxhat * xhat -1/2
    assert_same(dx, [[(1.0 - 0.25) / 2, (-1.0 + 0.25) / 2]], lib)
    assert_same(dgamma, [-0.5, 0.0], lib)
    assert_same(dbeta, [1.0, 0.0], lib)


def test_group_norm_by_hand(lib: Lib) -> None:
    """Groups (1, 3) and (5, 9): means 2 and 7, deviations 1 and 2."""
    gamma, beta = lib.asarray([1.0, 2.0, 3.0, 4.0]), lib.asarray([0.0, 0.0, 0.0, 10.0])
    x = lib.asarray([[1.0, 3.0, 5.0, 9.0]])
    y, pullback = ops.group_norm(x, gamma, beta, groups=2, eps=0.0)
    assert_same(y, [[-1.0, 2.0, -3.0, 14.0]], lib)
    dx, dgamma, dbeta = pullback(lib.asarray([[1.0, 1.0, 1.0, 1.0]]))
    assert_same(dx, [[0.0, 0.0, 0.0, 0.0]], lib)  # of two values, xhat is always -1 and 1
    assert_same(dgamma, [-1.0, 1.0, -1.0, 1.0], lib)
    assert_same(dbeta, [1.0, 1.0, 1.0, 1.0], lib)


def test_group_norm_of_no_samples(lib: Lib) -> None:
    x, ones = lib.asarray(numpy.zeros((0, 4, 3, 3))), lib.asarray(numpy.ones(4))
    y, pullback = ops.group_norm(x, ones, ones, groups=2)
    assert_same(y, numpy.zeros((0, 4, 3, 3)), lib)
    dx, dgamma, dbeta = pullback(y)
    assert_same(dx, numpy.zeros((0, 4, 3, 3)), lib)
    assert_same(dgamma, numpy.zeros(4), lib)
    assert_same(dbeta, numpy.zeros(4), lib)


def test_channels_of_each_pixel(lib: Lib) -> None:
    x = lib.asarray([[[[1.0, 0.0]], [[3.0, 8.0]]]])  # pixels (1, 3) and (0, 8)
    y, _ = ops.layer_norm(x, lib.asarray([1.0, 10.0]), None, axes=(1,), eps=0.0)
    assert_same(y, [[[[-1.0, -1.0]], [[10.0, 10.0]]]], lib)


def test_one_group_is_a_whole_sample_and_one_channel_an_instance(lib: Lib) -> None:
    rng = numpy.random.default_rng(0)
    x, dy = rng.standard_normal((2, 1, 4, 3, 5))
    one, one_back = ops.group_norm(lib.asarray(x), None, None, groups=1)
    whole, whole_back = ops.layer_norm(lib.asarray(x), None, None, axes=(1, 2, 3))
    assert_same(one, lib.to_host(whole), lib)
    assert_same(one_back(lib.asarray(dy))[0], lib.to_host(whole_back(lib.asarray(dy))[0]), lib)
    each, each_back = ops.group_norm(lib.asarray(x), None, None, groups=4)
    (batch, _, _), batch_back = ops.batch_norm(lib.asarray(x), None, None)  # of one sample
    assert_same(each, lib.to_host(batch), lib)
    assert_same(each_back(lib.asarray(dy))[0], lib.to_host(batch_back(lib.asarray(dy))[0]), lib)


def test_samples_do_not_see_each_other(lib: Lib) -> None:
    x = numpy.random.default_rng(0).standard_normal((3, 4, 2, 2))
    norms: list[tuple[Any, dict[str, Any]]] = [
        (ops.layer_norm, {"axes": (1, 2, 3)}),
        (ops.group_norm, {"groups": 2}),
    ]
    for norm, options in norms:
        y, _ = norm(lib.asarray(x), None, None, **options)
        alone, _ = norm(lib.asarray(x[1:2]), None, None, **options)
        assert_same(alone, lib.to_host(y)[1:2], lib)
