"""Batch normalisation in C against the reference in float64, to what float32 can tell."""

from typing import Any

import numpy
import pytest

from tests.compare import assert_within
from tests.compiled.support import compiled, cut, guarded, require_compiler, whole
from tests.lib import Host
from tests.rounding import chains_of, exact
from xpcnn import ops


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_two_pixels_by_hand() -> None:
    x = numpy.asarray([[[[1, 3]]]], "float32")
    gamma, beta = numpy.asarray([10], "float32"), numpy.asarray([5], "float32")
    (y, mean, var), pullback = compiled.KERNELS["batch_norm"](x, gamma, beta, eps=0.0)
    assert (y.tolist(), mean.tolist(), var.tolist()) == ([[[[-5, 15]]]], [2], [1])
    dx, dgamma, dbeta = pullback(numpy.asarray([[[[1, 4]]]], "float32"))
    assert (dx.tolist(), dgamma.tolist(), dbeta.tolist()) == ([[[[0, 0]]]], [3], [5])


def test_filters_with_a_norm_by_hand() -> None:
    w, b = numpy.asarray([1, 3, -2, 0], "float32").reshape(2, 1, 1, 2), numpy.ones(2, "float32")
    gamma, beta = numpy.asarray([[6, 10], [5, 7]], "float32")
    mean, var = numpy.asarray([[3, 0], [3, 24]], "float32")
    for bias, shift in ((b, [-1, 9]), (None, [-4, 7])):
        found = compiled.KERNELS["fold_batch_norm"](w, bias, gamma, beta, mean, var, eps=1.0)
        assert [x.ravel().tolist() for x in found] == [[3, 9, -4, 0], shift]


def test_filters_with_a_norm() -> None:
    """Each number as near as the roundings of three operations and of a root allow."""
    rng = numpy.random.default_rng(0)
    w, (b, gamma, beta, mean) = rng.normal(size=(9, 5, 3, 3)), rng.normal(size=(4, 9))
    given = [x.astype("float32") for x in (w, b, gamma, beta, mean, rng.uniform(0.1, 2, 9))]
    wide = [x.astype("float64") for x in given]
    with guarded():
        folded, shift = compiled.KERNELS["fold_batch_norm"](*given)
    expected, moved = ops.fold_batch_norm(*wide)
    scale = abs(wide[2]) / numpy.sqrt(wide[5])
    size = scale * (abs(wide[1]) + abs(wide[4])) + abs(wide[3])
    assert (abs(folded - expected) <= 4 * 2.0**-24 * abs(expected)).all()
    assert (abs(shift - moved) <= 6 * 2.0**-24 * size).all()


def test_two_by_two_pixels_by_hand_with_relu_and_pooling() -> None:
    """Pixels 1, 3, 3, 1 become -5, 15, 15, -5; the first of the largest takes the gradient."""
    x = numpy.asarray([[[[1, 3], [3, 1]]]], "float32")
    gamma, beta = numpy.asarray([10], "float32"), numpy.asarray([5], "float32")
    kernel = compiled.KERNELS["batch_norm_relu"]
    (y, mean, var), pullback = kernel(x, gamma, beta, eps=0.0, pool=2)
    assert (y.tolist(), mean.tolist(), var.tolist()) == ([[[[15]]]], [2], [1])
    dx, dgamma, dbeta = pullback(numpy.asarray([[[[4]]]], "float32"))
    # gamma (dz - mean dz - xhat * mean(dz xhat)), dz = 0, 4, 0, 0 and xhat = -1, 1, 1, -1
    assert (dx.tolist(), dgamma.tolist(), dbeta.tolist()) == ([[[[0, 20], [-20, 0]]]], [4], [4])
    y, _ = kernel(x, gamma, beta, eps=0.0)
    assert y[0].tolist() == [[[[0, 15], [15, 0]]]]
    for limit, kept in ((14, 0), (15, 0), (16, 1)):  # the derivative at the limit is 0
        y, pullback = kernel(x, gamma, beta, eps=0.0, limit=float(limit))
        assert y[0].tolist() == [[[[0, min(15, limit)], [min(15, limit), 0]]]]
        _, _, dbeta = pullback(numpy.asarray([[[[1, 2], [4, 8]]]], "float32"))
        assert dbeta.tolist() == [6 * kept]
    assert kernel(x, gamma, beta, pool=2, limit=6.0) is NotImplemented


@pytest.mark.parametrize("pool", [None, 2, (3, 1)])
@pytest.mark.parametrize("n", [1, 16, 19])
def test_with_relu_and_pooling_the_same_bits_as_one_by_one(n: int, pool: Any) -> None:
    rng = numpy.random.default_rng(n)
    x = whole(rng, n, 3, 7, 5)
    x[0, 0, 2, 3] = numpy.nan  # in one channel of three
    gamma, beta = whole(rng, 3), whole(rng, 3)
    with guarded(), cut(1, 3):
        outputs, pullback = compiled.KERNELS["batch_norm_relu"](x, gamma, beta, pool=pool)
        dy = whole(rng, *outputs[0].shape)
        gradients = pullback(dy)
    (y, mean, var), norm_back = compiled.KERNELS["batch_norm"](x, gamma, beta)
    y, relu_back = compiled.KERNELS["relu"](y)
    g: Any = dy
    if pool is not None:
        y, pool_back = ops.max_pool2d(y, size=pool)
        (g,) = pool_back(g)
    wanted = norm_back(relu_back(g)[0])
    for got, want in zip((*outputs, *gradients), (y, mean, var, *wanted), strict=True):
        numpy.testing.assert_array_equal(got, want, strict=True)


@pytest.mark.parametrize("n", [1, 16, 19])
def test_with_a_sum_and_relu_the_same_bits_as_one_by_one(n: int) -> None:
    rng = numpy.random.default_rng(n)
    x, added = whole(rng, n, 3, 7, 5), whole(rng, 7, n, 5, 3).transpose(1, 3, 0, 2)
    x[0, 0, 2, 3] = numpy.nan  # in one channel of three
    gamma, beta, dy = whole(rng, 3), whole(rng, 3), whole(rng, n, 3, 7, 5)
    with guarded(), cut(1, 3):
        outputs, pullback = compiled.KERNELS["batch_norm_add_relu"](x, gamma, beta, added)
        gradients = pullback(dy)
    (y, mean, var), norm_back = compiled.KERNELS["batch_norm"](x, gamma, beta)
    y, relu_back = compiled.KERNELS["relu"](y + added)
    (dadded,) = relu_back(dy)
    wanted = (y, mean, var, *norm_back(dadded), dadded)
    for got, want in zip((*outputs, *gradients), wanted, strict=True):
        numpy.testing.assert_array_equal(got, want, strict=True)


CHAIN = 2048 // 32 + 31
"""Additions in float32 one after another: 32 sums of 2048 numbers, then all in double."""


def check(x: Host, gamma: Host | None, beta: Host | None, eps: float = 1e-5) -> None:
    dy = numpy.asarray(numpy.random.default_rng(1).standard_normal(x.shape), "float32")
    with guarded():
        outputs, pullback = compiled.KERNELS["batch_norm"](x, gamma, beta, eps=eps)
        gradients = pullback(dy)
    with chains_of(CHAIN):
        wide = [None if a is None else exact(a) for a in (x, gamma, beta)]
        expected, back = ops.batch_norm(*wide, eps=eps)
        wanted = back(exact(dy))
    names = ("y", "mean", "var", "dx", "dgamma", "dbeta")
    for name, got, want in zip(names, (*outputs, *gradients), (*expected, *wanted), strict=True):
        assert (got is None) == (want is None), name
        if got is not None:
            assert (got.dtype, got.shape) == (numpy.float32, want.shape), name
            assert_within(got, want, name)


SHAPES = [
    *((2, 1, 1, 1), (2, 3, 1, 1), (7, 2, 3, 3), (31, 1, 1, 1), (33, 5, 1, 1), (1, 4, 32, 64)),
    *((2049, 2, 1, 1), (65, 3, 33, 1), (64, 17, 15, 15), (16, 2, 181, 181)),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_images(shape: tuple[int, ...]) -> None:
    rng = numpy.random.default_rng(0)
    x, c = rng.standard_normal(shape).astype("float32"), shape[1]
    for gamma, beta in ((whole(rng, c), whole(rng, c)), (None, whole(rng, c)), (None, None)):
        with cut(1, 3):
            check(x, gamma, beta, eps=0.1)


def test_a_mean_a_thousand_times_the_deviation() -> None:
    """A number near 1000 has an error of 3e-5, so has the mean; the variance must not lose more."""
    x = (1000 + numpy.random.default_rng(0).standard_normal((64, 3, 20, 20))).astype("float32")
    wide = x.astype("float64")
    y, _, var = compiled.KERNELS["batch_norm"](x, None, None)[0]
    exact_var = wide.var(axis=(0, 2, 3), keepdims=True)
    assert abs(var / exact_var.ravel() - 1).max() < 1e-6
    expected = (wide - wide.mean(axis=(0, 2, 3), keepdims=True)) / numpy.sqrt(exact_var + 1e-5)
    assert abs(y - expected).max() < 6e-5


def test_vectors_with_gaps_and_images_in_any_order() -> None:
    rng = numpy.random.default_rng(0)
    x = whole(rng, 5, 4, 3, 9).transpose(3, 0, 1, 2)
    check(x, whole(rng, 10)[::-2], numpy.broadcast_to(numpy.float32(2), 5))
    x.flags.writeable = False
    check(x, None, None)


def test_nan_stays_in_its_channel() -> None:
    x = whole(numpy.random.default_rng(0), 9, 3, 2, 2)
    x[0, 1, 0, 0] = numpy.nan
    (y, mean, _), pullback = compiled.KERNELS["batch_norm"](x, None, None)
    assert numpy.isnan(mean).tolist() == [False, True, False]
    for image in (y, pullback(numpy.ones_like(x))[0]):
        assert numpy.isnan(image).all(axis=(0, 2, 3)).tolist() == [False, True, False]
        assert numpy.isfinite(image[:, ::2]).all()


def test_rows_of_features() -> None:
    x, two = numpy.asarray([[1, 2], [3, 6]], "float32"), numpy.full(2, 2, "float32")
    for rows in (x, x.T.copy().T):
        result, back = compiled.KERNELS["batch_norm"](rows, two, None, eps=0.0)
        y, mean, var = (a.tolist() for a in result)
        assert (y, mean, var) == ([[-2, -2], [2, 2]], [2, 4], [1, 4])
        dx, dgamma, dbeta = back(x)
        assert dbeta is None
        assert dx.tolist() == [[0, 0], [0, 0]]
        assert dgamma.tolist() == [2, 4]


def test_float64_is_left_to_others() -> None:
    assert compiled.KERNELS["batch_norm"](numpy.ones((2, 3, 1, 1)), None, None) is NotImplemented


def test_rows_of_features_by_given_statistics() -> None:
    x, two = numpy.asarray([[1, 2], [3, 6]], "float32"), numpy.full(2, 2, "float32")
    for rows in (x, x.T.copy().T):
        y, back = compiled.KERNELS["batch_norm_inference"](rows, two, None, two, two * 2, eps=0.0)
        assert y.tolist() == [[-1, 0], [1, 4]]
        assert back(x)[0].tolist() == x.tolist()
