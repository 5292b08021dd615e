"""Average pooling in C against the reference to the last bit."""

from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiled.support import BATCHES, agree, compiled, cut, require_compiler, whole


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_an_image_by_hand() -> None:
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


def test_what_it_leaves_to_others() -> None:
    x = numpy.ones((2, 3, 5, 5), "float32")
    kernel = compiled.KERNELS["avg_pool2d"]
    for options in ({"stride": 1}, {"padding": 1}, {"dilation": 2}, {"ceil_mode": True}):
        assert kernel(x, size=2, **options) is NotImplemented
    assert kernel(x, size=6) is NotImplemented
    assert kernel(x.astype("float64"), size=2) is NotImplemented
