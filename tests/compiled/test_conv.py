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

NAN = numpy.nan


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
@pytest.mark.parametrize(
    ("n", "c", "f"),
    [(1, 16, 8), (3, 17, 9), (5, 40, 33), (32, 100, 40), (33, 97, 130), (2, 362, 363)],
)
def test_filters_of_one_pixel(n: int, c: int, f: int, stride: int, padding: int) -> None:
    """Blocks of x or dy are copied; rows are longer and shorter than a block."""
    rng = numpy.random.default_rng(f)
    arrays: list[Host | None] = [whole(rng, n, c, 5, 4), whole(rng, f, c, 1, 1), whole(rng, f)]
    for pieces in (1, 1), (2, 2):
        with cut(*pieces):
            agree("conv2d", arrays, stride=stride, padding=padding)


@pytest.mark.parametrize("c", [15, 16, 131, 5000])
def test_gradients_of_filters_of_one_pixel_one_by_one(c: int) -> None:
    """dx has the same bits if dw is not wanted, though another function computes it."""
    rng = numpy.random.default_rng(c)
    x, w = (rng.standard_normal(shape, "f4") for shape in ((7, c, 6, 5), (21, c, 1, 1)))
    y, pullback = compiled.KERNELS["conv2d"](x, w, x[:1, 0, 0, 0].repeat(21))
    dy = rng.standard_normal(y.shape, "f4")
    together = pullback(dy)
    for k in range(3):
        one = pullback(dy, tuple(i == k for i in range(3)))
        assert one[k].tobytes() == together[k].tobytes()


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
