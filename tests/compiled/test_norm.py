"""Batch normalisation in C against the reference in float64, to what float32 can tell."""

import numpy
import pytest

from tests.compiled.support import compiled, cut, guarded, require_compiler, whole
from tests.conformance.verdict import numpy_kernels
from tests.lib import Host
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


def close(got: Host | None, expected: Host | None, error: float, what: str) -> None:
    """Require float32 within an error, relative to the largest number expected if that is > 1."""
    if got is None or expected is None:
        assert got is expected is None, what
        return
    assert got.dtype == numpy.float32, what
    assert got.shape == expected.shape, what
    scale = max(1.0, float(abs(expected).max()))
    assert float(abs(got - expected).max()) <= error * scale, what


def check(x: Host, gamma: Host | None, beta: Host | None, error: float, eps: float = 1e-5) -> None:
    dy = numpy.asarray(numpy.random.default_rng(1).standard_normal(x.shape), "float32")
    with guarded():
        outputs, pullback = compiled.KERNELS["batch_norm"](x, gamma, beta, eps=eps)
        gradients = pullback(dy)
    with numpy_kernels(present=False):
        wide = [None if a is None else a.astype("float64") for a in (x, gamma, beta)]
        expected, back = ops.batch_norm(*wide, eps=eps)
        wanted = back(dy.astype("float64"))
    for name, got, want in zip(("y", "mean", "var"), outputs, expected, strict=True):
        close(got, want, error, name)
    for name, got, want in zip(("dx", "dgamma", "dbeta"), gradients, wanted, strict=True):
        close(got, want, error, name)


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
            check(x, gamma, beta, 2e-6, eps=0.1)


def test_a_mean_a_thousand_times_the_deviation() -> None:
    """A number near 1000 has an error of 3e-5, so has the mean; the variance must not lose more."""
    x = (1000 + numpy.random.default_rng(0).standard_normal((64, 3, 20, 20))).astype("float32")
    check(x, None, None, 6e-5)
    var = compiled.KERNELS["batch_norm"](x, None, None)[0][2]
    assert abs(var / x.astype("float64").var(axis=(0, 2, 3)) - 1).max() < 1e-6


def test_vectors_with_gaps_and_images_in_any_order() -> None:
    rng = numpy.random.default_rng(0)
    x = whole(rng, 5, 4, 3, 9).transpose(3, 0, 1, 2)
    check(x, whole(rng, 10)[::-2], numpy.broadcast_to(numpy.float32(2), 5), 2e-6)
    x.flags.writeable = False
    check(x, None, None, 2e-6)


def test_nan_stays_in_its_channel() -> None:
    x = whole(numpy.random.default_rng(0), 9, 3, 2, 2)
    x[0, 1, 0, 0] = numpy.nan
    (y, mean, _), pullback = compiled.KERNELS["batch_norm"](x, None, None)
    assert numpy.isnan(mean).tolist() == [False, True, False]
    for image in (y, pullback(numpy.ones_like(x))[0]):
        assert numpy.isnan(image).all(axis=(0, 2, 3)).tolist() == [False, True, False]
        assert numpy.isfinite(image[:, ::2]).all()


def test_rows_of_features_and_float64_are_left_to_others() -> None:
    x = numpy.ones((2, 3), "float32")
    assert compiled.KERNELS["batch_norm"](x, None, None) is NotImplemented
    assert compiled.KERNELS["batch_norm"](numpy.ones((2, 3, 1, 1)), None, None) is NotImplemented
