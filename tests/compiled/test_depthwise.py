"""Depthwise convolution in C against the references to the last bit, and its rounding."""

from importlib import import_module
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiled.support import BATCHES, PACKAGE, agree, compiled, cut, require_compiler, whole
from xpcnn.ops import reference

depthwise: Any = import_module(f"{PACKAGE}.depthwise")
FEW: int = depthwise.FEW


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[list[Any], dict[str, Any], tuple[int, int]]:
    """Draw x, w, b; options; and into how many pieces, for how many threads, the work is cut."""
    n, c = draw(st.sampled_from([n for n in BATCHES if n > FEW])), draw(st.integers(2, 4))
    size = draw(st.sampled_from([3, 5])), draw(st.integers(1, 5))
    stride = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    sides = tuple((draw(st.integers(0, 7)), draw(st.integers(0, 7))) for _ in size)
    h, w = (
        draw(st.integers(least, least + 7))
        for least in (max(1, k - sum(side)) for k, side in zip(size, sides, strict=True))
    )
    rng = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arrays: list[Any] = [whole(rng, n, c, h, w), whole(rng, c, 1, *size), whole(rng, c)]
    options = {"stride": stride, "padding": sides, "groups": c}
    pieces = draw(st.sampled_from([1, 2, 5])), draw(st.sampled_from([1, 3]))
    return [*arrays[:2], draw(st.sampled_from([None, arrays[2]]))], options, pieces


@settings(max_examples=60, deadline=None, derandomize=True)
@given(convolutions())
def test_depthwise_convolutions(drawn: Any) -> None:
    arrays, options, pieces = drawn
    with cut(*pieces):
        agree("conv2d", arrays, **options)
        agree("conv_relu_pool", arrays, limit=6.0, **options)


def test_a_transposed_convolution_adds_its_bias() -> None:
    rng = numpy.random.default_rng(0)
    arrays: list[Any] = [whole(rng, FEW + 1, 3, 5, 6), whole(rng, 3, 1, 3, 3), whole(rng, 3)]
    agree("conv_transpose2d", arrays, stride=2, padding=1, groups=3)


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_it_serves_all_three_and_rounds_as_little_as_others(
    size: int, stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sum of K terms is off by at most (6 + 2 sqrt(K)) eps of the sum of their magnitudes."""
    used: list[int] = []
    call = depthwise.Call.__call__

    def noted(self: Any, *arguments: Any) -> Any:
        used.extend(arguments[5:6] if self.name == "depthwise" else [])
        return call(self, *arguments)

    monkeypatch.setattr(depthwise.Call, "__call__", noted)
    rng = numpy.random.default_rng(0)
    x, w = rng.normal(size=(33, 2, 47, 46)).astype("f4"), rng.normal(size=(2, 1, size, size))
    arrays: list[Any] = [x, w.astype("f4"), rng.normal(size=2).astype("f4")]
    options: Any = {"stride": stride, "padding": size // 2, "groups": 2}
    y, back = compiled.KERNELS["conv2d"](*arrays, **options)
    dy = rng.normal(size=y.shape).astype("f4")
    wide = [a.astype("f8") for a in arrays]
    exact, back_exact = reference.conv2d(*wide, **options)
    sizes, back_sizes = reference.conv2d(*map(abs, wide), **options)
    pixels = 33 * y[0, 0].size
    for got, right, magnitude, terms in zip(
        (y, *back(dy)),
        (exact, *back_exact(dy.astype("f8"))),
        (sizes, *back_sizes(abs(dy.astype("f8")))),
        (size**2 + 1, size**2, pixels, pixels),
        strict=True,
    ):
        bound = (6 + 2 * terms**0.5) * numpy.finfo("f4").eps * magnitude
        assert (abs(got - right) <= bound).all()
    assert used == [depthwise.FORWARD, depthwise.OF_FILTERS, depthwise.OF_IMAGE]
