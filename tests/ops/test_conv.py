"""Convolution: by hand, by loops, and as the adjoint of its own gradient."""

from functools import cache
from typing import Any

import numpy
import pytest

from tests.compare import assert_near, assert_same
from tests.lib import Lib, strided
from tests.ops import oracle
from tests.rounding import exact
from xpcnn import ops

X = [[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]]
W = [[[[1.0, 2.0], [3.0, 4.0]]]]  # asymmetric: a flipped kernel gives other numbers


def test_the_kernel_is_not_flipped(lib: Lib) -> None:
    y, pullback = ops.conv2d(lib.asarray(X), lib.asarray(W), lib.asarray([0.5]))
    assert_same(y, [[[[37.5, 47.5], [67.5, 77.5]]]], lib)  # 1*1 + 2*2 + 4*3 + 5*4 = 37
    dx, dw, db = pullback(lib.asarray([[[[1.0, 0.0], [0.0, 10.0]]]]))
    assert_same(dx, [[[[1.0, 2.0, 0.0], [3.0, 14.0, 20.0], [0.0, 30.0, 40.0]]]], lib)
    assert_same(dw, [[[[51.0, 62.0], [84.0, 95.0]]]], lib)  # 1 + 10*5, 2 + 10*6, ...
    assert_same(db, [11.0], lib)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"padding": "valid"}, [[37.0, 47.0], [67.0, 77.0]]),
        ({"padding": "same"}, [[37.0, 47.0, 21.0], [67.0, 77.0, 33.0], [23.0, 26.0, 9.0]]),
        ({"padding": "same", "stride": 2}, [[37.0, 21.0], [23.0, 9.0]]),
        ({"padding": ((1, 0), (0, 0))}, [[11.0, 18.0], [37.0, 47.0], [67.0, 77.0]]),
        ({"padding": (0, 1)}, [[18.0, 37.0, 47.0, 21.0], [36.0, 67.0, 77.0, 33.0]]),
        ({"stride": 2}, [[37.0]]),
        ({"stride": (1, 2)}, [[37.0], [67.0]]),
        ({"dilation": 2}, [[64.0]]),  # 1*1 + 3*2 + 7*3 + 9*4
        ({"dilation": (2, 1)}, [[58.0, 68.0]]),  # 1*1 + 2*2 + 7*3 + 8*4
    ],
    ids=str,
)
def test_geometry_by_hand(lib: Lib, options: Any, expected: Any) -> None:
    y, _ = ops.conv2d(lib.asarray(X), lib.asarray(W), **options)
    assert_same(y, [[expected]], lib)


def test_groups_do_not_see_each_other(lib: Lib) -> None:
    x = lib.asarray([[[[2.0]], [[3.0]]]])  # two channels of one pixel
    w = lib.asarray([[[[10.0]]], [[[100.0]]]])
    y, pullback = ops.conv2d(x, w, groups=2)
    assert_same(y, [[[[20.0]], [[300.0]]]], lib)
    dx, dw, db = pullback(lib.asarray([[[[1.0]], [[1.0]]]]))
    assert_same(dx, [[[[10.0]], [[100.0]]]], lib)
    assert_same(dw, [[[[2.0]]], [[[3.0]]]], lib)
    assert db is None


def test_pixels_that_no_window_reaches_have_no_gradient(lib: Lib) -> None:
    x = lib.asarray(numpy.ones((1, 1, 4, 3)))
    _, pullback = ops.conv2d(x, lib.asarray([[[[1.0]]]]), stride=3)
    dx, *_ = pullback(lib.asarray(numpy.ones((1, 1, 2, 1))))
    assert_same(dx, [[[[1.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3, [1.0, 0.0, 0.0]]]], lib)


def test_an_empty_batch_stays_empty(lib: Lib) -> None:
    y, pullback = ops.conv2d(lib.asarray(numpy.zeros((0, 1, 3, 3))), lib.asarray(W))
    assert_same(y, numpy.zeros((0, 1, 2, 2)), lib)
    dx, dw, _ = pullback(lib.asarray(numpy.zeros((0, 1, 2, 2))))
    assert_same(dx, numpy.zeros((0, 1, 3, 3)), lib)
    assert_same(dw, [[[[0.0, 0.0], [0.0, 0.0]]]], lib)


CASES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    # shape of x, shape of w, hyperparameters
    ((2, 3, 5, 4), (2, 3, 3, 3), {}),
    ((1, 1, 4, 4), (1, 1, 4, 4), {}),  # kernel = image
    ((1, 2, 3, 5), (3, 2, 1, 1), {}),
    ((2, 1, 6, 5), (2, 1, 2, 3), {"stride": 2}),  # with a remainder
    ((1, 2, 7, 7), (1, 2, 2, 2), {"stride": 3}),  # stride > kernel
    ((2, 2, 5, 5), (2, 2, 3, 3), {"stride": (2, 1), "padding": 1}),
    ((1, 2, 4, 5), (2, 2, 2, 2), {"padding": "same"}),  # even kernel
    ((1, 1, 5, 4), (2, 1, 3, 4), {"padding": "same", "dilation": (2, 1)}),
    ((1, 2, 6, 7), (2, 2, 3, 2), {"padding": "same", "stride": (2, 3), "dilation": (1, 2)}),
    ((1, 1, 5, 7), (1, 1, 2, 1), {"padding": "same", "stride": 3}),  # strides beyond the window
    ((2, 1, 4, 4), (1, 1, 3, 3), {"padding": 3}),  # padding >= kernel
    ((1, 2, 4, 3), (2, 2, 2, 2), {"padding": ((2, 0), (0, 1)), "stride": (1, 2)}),
    ((1, 2, 7, 6), (2, 2, 3, 2), {"dilation": 2}),
    ((1, 1, 8, 8), (1, 1, 2, 3), {"dilation": (3, 2), "stride": 2, "padding": (1, 2)}),
    ((2, 4, 4, 4), (4, 2, 3, 3), {"groups": 2, "padding": 1}),
    ((1, 3, 5, 5), (6, 1, 3, 3), {"groups": 3, "stride": 2}),  # depthwise, two filters each
]


def cases() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("x_shape", "w_shape", "options"), CASES, ids=str)


def by_loops(x: Any, w: Any, b: Any, options: dict[str, Any]) -> Any:
    """Run the oracle with hyperparameters as the op takes them."""

    def pair(value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    stride, dilation = pair(options.get("stride", 1)), pair(options.get("dilation", 1))
    padding = options.get("padding", 0)
    if padding == "same":
        padding = oracle.same(x.shape[2:], w.shape[2:], stride, dilation)
    return oracle.conv2d(
        x,
        w,
        b,
        stride=stride,
        padding=tuple(pair(side) for side in pair(padding)),
        dilation=dilation,
        groups=options.get("groups", 1),
    )


@cache
def expected(case: int) -> tuple[tuple[Any, ...], ...]:
    """Return x, w, b and dy in float32; y, dx, dw and db by loops, then with bounds of their
    rounding."""
    x_shape, w_shape, options = CASES[case]
    rng = numpy.random.default_rng(0)
    x, w, b = (rng.uniform(-1, 1, s).astype("float32") for s in (x_shape, w_shape, w_shape[:1]))
    wide = [a.astype("float64") for a in (x, w, b)]
    y, by_loops_back = by_loops(wide[0], wide[1], wide[2], options)
    dy = rng.uniform(-1, 1, y.shape).astype("float32")
    rounded, back = ops.conv2d(*map(exact, (x, w, b)), **options)
    wanted = (y, *by_loops_back(dy.astype("float64")))
    return (x, w, b, dy), wanted, (rounded, *back(exact(dy)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", range(len(CASES)), ids=[" ".join(map(str, c)) for c in CASES])
def test_equal_to_loops(lib: Lib, case: int, dtype: str) -> None:
    (*arrays, dy), wanted, bounds = expected(case)
    for place in (lib, strided(lib)):
        y, pullback = ops.conv2d(*(place.asarray(a, dtype) for a in arrays), **CASES[case][2])
        got = (y, *pullback(place.asarray(dy, dtype)))
        for name, array, value, bound in zip(
            ("y", "dx", "dw", "db"), got, wanted, bounds, strict=True
        ):
            assert bound is not None
            assert_near(array, value, bound, lib, name)


@cases()
def test_the_gradient_is_the_adjoint(lib: Lib, x_shape: Any, w_shape: Any, options: Any) -> None:
    """<conv(x, w), g> = <x, dx(g)> = <w, dw(g)>, as convolution is linear in x and in w."""
    rng = numpy.random.default_rng(1)
    x, w = rng.standard_normal(x_shape), rng.standard_normal(w_shape)
    y, pullback = ops.conv2d(lib.asarray(x), lib.asarray(w), **options)
    g = rng.standard_normal(tuple(y.shape))
    dx, dw, _ = (None if d is None else lib.to_host(d) for d in pullback(lib.asarray(g)))
    through_y = numpy.sum(lib.to_host(y) * g)
    bound = 1e-14 * numpy.sum(numpy.abs(x)) * numpy.sum(numpy.abs(w))
    assert abs(numpy.sum(x * dx) - through_y) <= bound
    assert abs(numpy.sum(w * dw) - through_y) <= bound


@pytest.mark.parametrize("dilation", [1, 2])
def test_the_gradient_is_a_convolution_with_turned_filters(lib: Lib, dilation: int) -> None:
    """As the docstring says, and examples/guides/derive_a_layer.md derives."""
    rng = numpy.random.default_rng(2)
    x, w = rng.integers(-4, 5, (2, 3, 7, 8)) * 1.0, rng.integers(-4, 5, (4, 3, 2, 3)) * 1.0
    y, pullback = ops.conv2d(lib.asarray(x), lib.asarray(w), dilation=dilation)
    dy = rng.integers(-4, 5, tuple(y.shape)) * 1.0
    turned = numpy.ascontiguousarray(w[:, :, ::-1, ::-1].swapaxes(0, 1))
    around = (dilation, 2 * dilation)  # dilation * (kh - 1), dilation * (kw - 1)
    dx, _ = ops.conv2d(lib.asarray(dy), lib.asarray(turned), padding=around, dilation=dilation)
    assert_same(pullback(lib.asarray(dy))[0], lib.to_host(dx).tolist(), lib)  # sums of integers
