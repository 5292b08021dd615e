"""Convolution in C, alone and with ReLU and pooling, against the references to the last bit."""

from importlib import import_module
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiled.support import (
    BATCHES,
    CHANNELS,
    PACKAGE,
    agree,
    compiled,
    cut,
    require_compiler,
    whole,
)
from tests.lib import Host
from xpcnn.ops import reference

NAN, INF = numpy.nan, numpy.inf


@pytest.fixture(autouse=True)
def _compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    require_compiler()
    monkeypatch.setenv("XPCNN_WINOGRAD", "off")  # whose roundings test_winograd.py bounds


def image(rows: Any) -> Host:
    return numpy.asarray([[rows]], "float32")


def test_an_image_by_hand() -> None:
    y, pullback = compiled.KERNELS["conv2d"](
        image([[1, 2], [3, 4]]), image([[1, 10], [100, 1000]]), numpy.asarray([5], "float32")
    )
    assert y.tolist() == [[[[4326]]]]
    dx, dw, db = pullback(image([[2]]))
    assert dx.tolist() == [[[[2, 20], [200, 2000]]]]
    assert dw.tolist() == [[[[2, 4], [6, 8]]]]
    assert db.tolist() == [2]


def test_an_image_by_hand_with_relu_and_pooling() -> None:
    one = image([[1]])
    y, pullback = compiled.KERNELS["conv_relu_pool"](
        image([[1, 3, -1, -2], [3, 2, -1, -3]]), one, None, pool=2
    )
    assert y.tolist() == [[[[3, 0]]]]
    dx, dw, db = pullback(image([[7, 9]]))
    assert dx.tolist() == [[[[0, 7, 0, 0], [0, 0, 0, 0]]]]  # the first of equals; none below 0
    assert (dw.tolist(), db) == ([[[[21]]]], None)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[list[Host | None], dict[str, Any], tuple[int, int]]:
    """Draw x, w, b; options; and into how many pieces, for how many threads, the work is cut."""

    def pick(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    n, c, f = pick(*BATCHES), pick(*CHANNELS), pick(*CHANNELS)
    size = pick((1, 1), (3, 3), (5, 5), (2, 3), (4, 1))
    stride, dilation = pick((1, 1), (1, 1), (2, 2), (1, 2), (3, 3)), pick((1, 1), (1, 1), (2, 1))
    sides = st.tuples(*[st.integers(0, 3)] * 2)
    padding = draw(st.sampled_from(["valid", "same", 1, 7]) | st.tuples(sides, sides))
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    h, w = (draw(st.integers(least, least + 7)) for least in reach)
    rng = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bias = whole(rng, f) if draw(st.booleans()) else None
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    arrays = [whole(rng, n, c, h, w), whole(rng, f, c, *size), bias]
    return arrays, options, (pick(1, 2, 5), pick(1, 3))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(convolutions())
def test_convolutions(drawn: Any) -> None:
    arrays, options, pieces = drawn
    with cut(*pieces):
        agree("conv2d", arrays, **options)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (1, 1), (2, 1)])
@pytest.mark.parametrize(("n", "c", "f"), [(5, 40, 33), (32, 100, 40), (33, 97, 130)])
def test_filters_of_one_pixel(n: int, c: int, f: int, stride: int, padding: int) -> None:
    """Many filters, for which blocks of x are copied; rows longer and shorter than a block."""
    rng = numpy.random.default_rng(f)
    arrays: list[Host | None] = [whole(rng, n, c, 5, 4), whole(rng, f, c, 1, 1), whole(rng, f)]
    for pieces in (1, 1), (2, 2):
        with cut(*pieces):
            agree("conv2d", arrays, stride=stride, padding=padding)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(convolutions(), st.sampled_from([None, 1, 2, (2, 3), 3]))
def test_convolutions_with_relu_and_pooling(drawn: Any, pool: Any) -> None:
    arrays, options, pieces = drawn
    options |= {"pool": pool}
    with cut(*pieces):
        if compiled.KERNELS["conv_relu_pool"](*arrays, **options) is not NotImplemented:
            agree("conv_relu_pool", arrays, **options)


@pytest.mark.parametrize("winograd", ["on", "off"])
@pytest.mark.parametrize("n", [1, 3, 17])
def test_a_relu_with_a_limit(n: int, winograd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums between -60 and 60, of which many are 6 or near it; without tiles to the last bit."""
    monkeypatch.setenv("XPCNN_WINOGRAD", winograd)
    rng = numpy.random.default_rng(n)
    x, kernel = whole(rng, n, 4, 8, 6), compiled.KERNELS["conv_relu_pool"]
    x[0, 1, 2, 3] = NAN
    cases: list[tuple[Host, dict[str, Any]]] = [
        (whole(rng, 3, 4, 3, 3), {"padding": 1}),
        (whole(rng, 3, 4, 1, 1), {}),
        (whole(rng, 4, 1, 3, 3), {"groups": 4, "stride": 2}),
    ]
    for w, options in cases:
        agree("conv_relu_pool", [x, w, whole(rng, len(w))], limit=6.0, **options)
    assert kernel(x, w, None, groups=4, pool=2, limit=6.0) is NotImplemented
    x, w = whole(rng, n, 17, 9, 8), whole(rng, 18, 17, 3, 3)
    y, _ = compiled.KERNELS["conv2d"](x, w, None, padding=1)
    limited, _ = kernel(x, w, None, padding=1, limit=6.0)
    assert numpy.array_equal(limited, numpy.clip(y, 0, 6))


def test_an_image_smaller_than_the_filters() -> None:
    rng = numpy.random.default_rng(0)
    for padding in (2, 4, ((0, 9), (5, 0))):
        agree("conv2d", [whole(rng, 9, 2, 2, 1), whole(rng, 3, 2, 5, 5), None], padding=padding)


@pytest.mark.parametrize("f", [20, 21, 44])
def test_filters_whose_gradients_are_summed_in_groups(f: int) -> None:
    """20 at a time where they are as large as these."""
    rng = numpy.random.default_rng(f)
    with cut(3, 2):
        agree("conv2d", [whole(rng, 3, 140, 6, 7), whole(rng, f, 140, 5, 5), whole(rng, f)])


@pytest.mark.parametrize("bias", [False, True])
def test_gradients_of_large_filters_with_a_stride(
    bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By im2col and the BLAS, from 65,536 weights on."""
    strips = import_module(f"{PACKAGE}.strips")
    used, gradients = [], strips.filter_gradients

    def noted(*arguments: Any, want_db: bool) -> None:
        used.append(want_db)
        gradients(*arguments, want_db=want_db)

    monkeypatch.setattr(strips, "filter_gradients", noted)
    rng = numpy.random.default_rng(0)
    for f in (113, 114):
        arrays = [whole(rng, 3, 64, 9, 8), whole(rng, f, 64, 3, 3), whole(rng, f) if bias else None]
        agree("conv2d", arrays, stride=(2, 1), padding=1)
        agree("conv2d", arrays, padding=1)
    assert used == [bias]


def test_windows_of_255_elements_are_the_largest() -> None:
    rng = numpy.random.default_rng(0)
    x, w = whole(rng, 3, 2, 32, 17), whole(rng, 3, 2, 1, 1)
    agree("conv_relu_pool", [x, w, None], pool=(15, 17))
    for pool in (16, (3, 18)):  # more than a byte tells apart; wider than the image
        assert compiled.KERNELS["conv_relu_pool"](x, w, None, pool=pool) is NotImplemented


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
    for n in (256, 251, 5):
        agree("conv_relu_pool", [corners[:n, None], image([[1]]), None], pool=2)


@pytest.mark.parametrize("op", ["conv2d", "conv_relu_pool"])
def test_arrays_in_any_order_and_read_only(op: str) -> None:
    rng = numpy.random.default_rng(0)
    x = whole(rng, 6, 5, 4, 18)[:, ::-1, :, ::2].transpose(3, 0, 1, 2)
    w, b = whole(rng, 3, 3, 6, 7).transpose(3, 2, 0, 1), numpy.broadcast_to(numpy.float32(2), 7)
    dy = whole(rng, 3, 2, 7, 18)[..., ::-2].transpose(3, 2, 0, 1)
    for array in (x, w, dy):
        array.flags.writeable = False
    agree(op, [x, w, b], dy)
    agree(op, [x, w, whole(rng, 21)[::-3]], dy)
    agree(op, [x, whole(rng, 0, 6, 3, 3), None])  # no filters


@pytest.mark.parametrize("n", [64, 65])
def test_filters_of_one_pixel_over_so_many_that_threads_share_them(n: int) -> None:
    rng = numpy.random.default_rng(n)
    with cut(3, 2):
        agree("conv2d", [whole(rng, n, 3, 14, 14), whole(rng, 4, 3, 1, 1), whole(rng, 4)])


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


def test_groups_by_hand() -> None:
    x = numpy.asarray([[[[1]], [[2]]]], "float32")
    w, b = numpy.asarray([[[[10]]], [[[100]]]], "float32"), numpy.asarray([3, 4], "float32")
    y, pullback = compiled.KERNELS["conv2d"](x, w, b, groups=2)
    assert y.tolist() == [[[[13]], [[204]]]]
    dx, dw, db = pullback(numpy.asarray([[[[1]], [[5]]]], "float32"))
    assert dx.tolist() == [[[[10]], [[500]]]]
    assert (dw.tolist(), db.tolist()) == ([[[[1]]], [[[10]]]], [1, 5])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    *(st.sampled_from(BATCHES), st.sampled_from([(2, 1, 1), (3, 1, 2), (2, 3, 5), (5, 4, 1)])),
    *(st.sampled_from([1, 2, (3, 1)]), st.sampled_from([0, 1, 2]), st.sampled_from([1, (2, 1)])),
    *(st.booleans(), st.sampled_from([None, 2]), st.sampled_from([1, 2, 5])),
)
def test_groups(
    n: int, sizes: Any, stride: Any, padding: int, dilation: Any, bias: bool, pool: Any, cuts: int
) -> None:
    groups, c, f = sizes
    rng = numpy.random.default_rng(n)
    x, w = whole(rng, n, groups * c, 9, 8), whole(rng, groups * f, c, 3, 2)
    arrays = [x, w, whole(rng, groups * f) if bias else None]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    with cut(cuts, 2):
        agree("conv2d", arrays, **options)
        agree("conv_relu_pool", arrays, pool=pool, **options)


def test_float64_and_empty_batches_are_left_to_others() -> None:
    x, w = numpy.ones((2, 4, 5, 5), "float32"), numpy.ones((4, 4, 3, 3), "float32")
    for op in ("conv2d", "conv_relu_pool"):
        kernel = compiled.KERNELS[op]
        wide = x.astype("float64"), numpy.ones((4, 4, 3, 3))
        assert kernel(*wide) is NotImplemented
        assert kernel(x[:0], w) is NotImplemented


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
