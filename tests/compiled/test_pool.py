"""Pooling in C against the references to the last bit."""

from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiled.support import BATCHES, agree, compiled, cut, require_compiler, whole


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_the_largest_by_hand() -> None:
    x = numpy.asarray([[[[1, 3, 9], [4, 8, 9], [9, 9, 9]]]], "float32")
    y, pullback = compiled.KERNELS["max_pool2d"](x, size=2, stride=1)
    assert y.tolist() == [[[[8, 9], [9, 9]]]]
    (dx,) = pullback(numpy.asarray([[[[1, 2], [4, 8]]]], "float32"))
    assert dx.tolist() == [[[[0, 0, 2], [0, 1, 8], [4, 0, 0]]]]  # the first of equals


def test_means_by_hand() -> None:
    x = numpy.asarray([[[[1, 3, 9], [4, 8, 9], [9, 9, 9]]]], "float32")
    y, pullback = compiled.KERNELS["avg_pool2d"](x, size=2)
    assert y.tolist() == [[[[4]]]]
    (dx,) = pullback(numpy.asarray([[[[8]]]], "float32"))
    assert dx.tolist() == [[[[2, 2, 0], [2, 2, 0], [0, 0, 0]]]]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    *(st.sampled_from(BATCHES), st.integers(1, 5), st.integers(0, 4), st.integers(0, 4)),
    *(st.sampled_from([(1, 1), (2, 2), (1, 4), (4, 2)]), st.sampled_from([1, 2, 7])),
    st.sampled_from([None, 2.0, 1]),
)
def test_images(
    n: int, c: int, down: int, across: int, size: Any, pieces: int, divisor: float | None
) -> None:
    """Windows of powers of 2: their means are exact."""
    rng = numpy.random.default_rng(n)
    x = whole(rng, n, c, size[0] + down, size[1] + across)
    with cut(pieces, 2):
        agree("avg_pool2d", [x], size=size, divisor=divisor)
        agree("avg_pool2d", [x.transpose(0, 1, 3, 2)], size=size[::-1], stride=size[::-1])


@st.composite
def overlapping(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """Draw images, and windows over them of which none lies in the padding alone."""
    size, dilation = draw(st.tuples(*[st.integers(1, 3)] * 2)), draw(st.sampled_from([1, (2, 1)]))
    n, c = draw(st.sampled_from(BATCHES)), draw(st.integers(1, 3))
    sides = st.tuples(st.integers(0, size[0] // 2), st.integers(0, size[1] // 2))
    shape = (n, c, draw(st.integers(5, 9)), draw(st.integers(5, 9)))
    options = {
        "size": size,
        "stride": draw(st.tuples(*[st.integers(1, 3)] * 2)),
        "padding": draw(sides | st.just("same")),
        "dilation": dilation,
        "ceil_mode": draw(st.booleans()),
    }
    rng = numpy.random.default_rng(draw(st.integers(0, 99)))
    return whole(rng, *shape), options


@settings(max_examples=120, deadline=None, derandomize=True)
@given(overlapping(), st.sampled_from([1, 2, 7]), st.sampled_from([None, 4.0]))
def test_windows_that_overlap(drawn: Any, pieces: int, divisor: float | None) -> None:
    x, options = drawn
    with cut(pieces, 2):
        agree("max_pool2d", [x], **options)
        agree("avg_pool2d", [x], **options, divisor=4.0)
    if divisor is None and options["size"] in ((1, 2), (2, 1), (2, 2)):  # whose means are exact
        for padded in (False, True):
            agree("avg_pool2d", [x], **options, count_include_pad=padded)


@pytest.mark.parametrize("n", [64, 70, 3])
def test_of_equal_ones_the_first_wins_and_of_nan_the_last(n: int) -> None:
    choices = numpy.asarray([0.0, 1.0, numpy.nan, -numpy.inf], "float32")
    x = numpy.random.default_rng(n).choice(choices, (n, 2, 7, 6))
    agree("max_pool2d", [x], size=3, stride=2, padding=1)
    agree("max_pool2d", [numpy.full_like(x, -numpy.inf)], size=3, stride=2, padding=1)


def test_a_gradient_that_is_not_finite_goes_to_the_winner_alone() -> None:
    x = whole(numpy.random.default_rng(0), 17, 2, 6, 6)
    dy = numpy.full((17, 2, 3, 3), numpy.inf, "float32")
    agree("max_pool2d", [x], dy, size=2)


@pytest.mark.parametrize("n", [1, 9])
def test_whole_images(n: int) -> None:
    x = 16 * whole(numpy.random.default_rng(n), n, 3, 4, 2)  # sums over 8 pixels
    agree("global_avg_pool2d", [x], whole(numpy.random.default_rng(n), n, 3) * 8)


def test_what_they_leave_to_others() -> None:
    x = numpy.ones((2, 3, 17, 17), "float32")
    for name in ("max_pool2d", "avg_pool2d"):
        assert compiled.KERNELS[name](x, size=18) is NotImplemented
        assert compiled.KERNELS[name](x.astype("float64"), size=2) is NotImplemented
    assert compiled.KERNELS["max_pool2d"](x, size=17) is NotImplemented  # 289 elements
    agree("max_pool2d", [x[..., :16]], size=16)
