"""Convolution in C: what is not finite, equal numbers, and the rounding of long sums."""

from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compiled.support import PACKAGE, agree, compiled, require_compiler, whole
from xpcnn.ops import reference

NAN, INF = numpy.nan, numpy.inf


@pytest.fixture(autouse=True)
def _compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    require_compiler()
    monkeypatch.setenv("XPCNN_WINOGRAD", "off")  # whose roundings test_winograd.py bounds


@pytest.mark.parametrize("pool", [None, 2])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("n", [1, 17])
def test_what_is_not_finite_stays_where_it_is(n: int, value: float, pool: int | None) -> None:
    """Padding is no number: nothing of it is multiplied by what is not finite."""
    rng = numpy.random.default_rng(0)
    x, w = whole(rng, n, 2, 6, 6), whole(rng, 3, 2, 3, 3) + 8
    x[-1, 0, 0, 5] = x[0, 1, 3, 2] = x[0, 1, 5, 5] = value
    agree("conv2d", [x, w, whole(rng, 3)], padding=1)
    agree("conv_relu_pool", [x, w, whole(rng, 3)], padding=1, pool=pool)


def test_of_equal_ones_the_first_wins_and_of_nan_the_last() -> None:
    """All windows of 4 numbers out of four, in all lanes and in the last columns."""
    choices = numpy.asarray([0.0, 1.0, -1.0, NAN], "float32")
    corners = numpy.stack(numpy.meshgrid(*[choices] * 4)).reshape(2, 2, 256).transpose(2, 0, 1)
    one = numpy.ones((1, 1, 1, 1), "float32")
    for n in (256, 251, 5):
        agree("conv_relu_pool", [corners[:n, None], one, None], pool=2)


def test_accuracy_of_sums_of_thousands() -> None:
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((65, 17, 20, 20)).astype("float32")
    w = rng.standard_normal((7, 17, 5, 5)).astype("float32")
    y, pullback = compiled.KERNELS["conv2d"](x, w)
    dy = rng.standard_normal(y.shape).astype("float32")
    windows = numpy.lib.stride_tricks.sliding_window_view(x.astype("float64"), (5, 5), (2, 3))
    expected = numpy.einsum("nchwij,fcij->nfhw", windows, w, optimize=True)
    dw = numpy.einsum("nchwij,nfhw->fcij", windows, dy, optimize=True)
    # the longest sum of a lane has 65 * 16 * 16 / 8 = 2080 numbers; errors add up as their root
    error = 2080**0.5 * 2.0**-24
    assert abs(y - expected).max() < error * abs(expected).max()
    assert abs(pullback(dy)[1] - dw).max() < error * abs(dw).max()


def test_an_infinite_weight_on_padding_is_skipped() -> None:
    """The one difference from the reference that is no rounding: infinity times 0 is NaN there."""
    x, w = numpy.ones((64, 1, 3, 3), "float32"), numpy.ones((1, 1, 3, 3), "float32")
    w[0, 0, 0, 1] = numpy.inf  # looks one row up
    y, _ = compiled.KERNELS["conv2d"](x, w, None, padding=1)
    assert numpy.isinf(y[0, 0, 1:]).all()
    assert y[0, 0, 0].tolist() == [4.0, 6.0, 4.0]
    with numpy.errstate(invalid="ignore"):
        expected, _ = reference.conv2d(x, w, None, padding=1)
    assert numpy.isnan(expected[0, 0, 0]).all()
    assert numpy.array_equal(y[0, 0, 1:], expected[0, 0, 1:])
    few, _ = compiled.KERNELS["conv2d"](x[:1], w, None, padding=1)
    assert numpy.array_equal(few, expected[:1], equal_nan=True)  # of a band


@pytest.mark.parametrize(
    ("n", "c", "f", "size", "side", "stride"),
    [
        (2, 64, 128, 3, 30, 2),
        (1, 3, 64, 7, 201, 2),
        (5, 8, 20, 3, 64, 3),
        (1, 512, 512, 3, 7, 1),
        (3, 128, 256, 2, 41, 2),
    ],
)
def test_a_few_large_images(
    n: int, c: int, f: int, size: int, side: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sum of K terms is off by at most (6 + 2 sqrt(K)) eps of the sum of their magnitudes.

    These take several bands of rows, and planes of several strides.
    """
    rng = numpy.random.default_rng(0)
    x = rng.normal(size=(n, c, side, side)).astype("float32")
    w, b = rng.normal(size=(f, c, size, size)).astype("float32"), rng.normal(size=f).astype("f4")
    direct = import_module(f"{PACKAGE}.direct")
    used, convolved = [], direct.convolved

    def noted(*arguments: Any, cap: float) -> None:
        used.append(cap)
        convolved(*arguments, cap=cap)

    monkeypatch.setattr(direct, "convolved", noted)
    options: Any = {"stride": stride, "padding": (size // 2, size // 2)}
    y, pullback = compiled.KERNELS["conv2d"](x, w, b, **options)
    positive, _ = compiled.KERNELS["conv_relu_pool"](x, w, b, **options)
    assert numpy.array_equal(used, [0.0, NAN], equal_nan=True)
    wide = [a.astype("float64") for a in (x, w, b)]
    exact, back = reference.conv2d(wide[0], wide[1], wide[2], **options)
    size_of_terms, back_of_sizes = reference.conv2d(*[abs(a) for a in wide], **options)
    dy = rng.normal(size=y.shape).astype("float32")
    pixels = n * y[0, 0].size
    for got, right, sizes, terms in zip(
        (y, *pullback(dy)),
        (exact, *back(dy.astype("float64"))),
        (size_of_terms, *back_of_sizes(abs(dy.astype("float64")))),
        (w[0].size + 1, w[:, 0].size, pixels, pixels),
        strict=True,
    ):
        bound = (6 + 2 * terms**0.5) * numpy.finfo("float32").eps * sizes
        assert (abs(got - right) <= bound).all()
    assert numpy.array_equal(positive, numpy.maximum(y, 0))
