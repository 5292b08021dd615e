"""Pooling: by hand, by loops, and average pooling as the adjoint of its own gradient."""

from functools import cache
from itertools import product
from typing import Any

import numpy
import pytest

from tests.compare import assert_near, assert_same
from tests.lib import Lib, strided
from tests.ops import oracle
from tests.rounding import exact
from xpcnn import ops
from xpcnn.errors import ConfigError
from xpcnn.ops.hyperparameter_checks import window_shape
from xpcnn.ops.pool import _misses, pool_shape

X = [[[[1.0, 3.0, 2.0], [9.0, 7.0, 8.0], [4.0, 6.0, 5.0]]]]


def test_max_by_hand(lib: Lib) -> None:
    y, pullback = ops.max_pool2d(lib.asarray(X), size=2, stride=1)
    assert_same(y, [[[[9.0, 8.0], [9.0, 8.0]]]], lib)
    (dx,) = pullback(lib.asarray([[[[1.0, 2.0], [10.0, 20.0]]]]))
    assert_same(dx, [[[[0.0, 0.0, 0.0], [11.0, 0.0, 22.0], [0.0, 0.0, 0.0]]]], lib)


def test_average_by_hand(lib: Lib) -> None:
    y, pullback = ops.avg_pool2d(lib.asarray(X), size=2, stride=1)
    assert_same(y, [[[[5.0, 5.0], [6.5, 6.5]]]], lib)
    (dx,) = pullback(lib.asarray([[[[4.0, 8.0], [0.0, 0.0]]]]))
    assert_same(dx, [[[[1.0, 3.0, 2.0], [1.0, 3.0, 2.0], [0.0, 0.0, 0.0]]]], lib)


def test_a_divisor_takes_the_place_of_the_count(lib: Lib) -> None:
    y, pullback = ops.avg_pool2d(lib.asarray(X), size=2, padding=((1, 0), (1, 0)), divisor=2)
    assert_same(y, [[[[0.5, 2.5], [6.5, 13.0]]]], lib)
    (dx,) = pullback(lib.asarray([[[[2.0, 4.0], [6.0, 8.0]]]]))
    assert_same(dx, [[[[1.0, 2.0, 2.0], [3.0, 4.0, 4.0], [3.0, 4.0, 4.0]]]], lib)


def test_global_pools_by_hand(lib: Lib) -> None:
    x = lib.asarray([[[[1.0, 4.0], [4.0, 3.0]], [[-1.0, -2.0], [-3.0, -6.0]]]])
    y, pullback = ops.global_avg_pool2d(x)
    assert_same(y, [[3.0, -3.0]], lib)
    (dx,) = pullback(lib.asarray([[4.0, 8.0]]))
    assert_same(dx, [[[[1.0, 1.0], [1.0, 1.0]], [[2.0, 2.0], [2.0, 2.0]]]], lib)
    y, pullback = ops.global_max_pool2d(x)
    assert_same(y, [[4.0, -1.0]], lib)
    (dx,) = pullback(lib.asarray([[5.0, 7.0]]))
    assert_same(dx, [[[[0.0, 5.0], [0.0, 0.0]], [[7.0, 0.0], [0.0, 0.0]]]], lib)


CASES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    # shape of x, hyperparameters of both pools
    ((2, 2, 4, 6), {"size": 2}),
    ((1, 1, 5, 3), {"size": (5, 3)}),  # window = image
    ((1, 2, 5, 5), {"size": 2}),  # a row and a column left over
    ((1, 1, 7, 8), {"size": 2, "stride": 3}),
    ((1, 2, 5, 6), {"size": 3, "stride": 1}),
    ((2, 1, 6, 5), {"size": (2, 3), "stride": (2, 1)}),
    ((1, 1, 6, 6), {"size": 3, "stride": 2, "padding": 1}),
    ((1, 1, 6, 6), {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ((1, 2, 3, 4), {"size": 2, "padding": 1, "ceil_mode": True}),  # drops one in the padding
    ((1, 1, 5, 7), {"size": 2, "ceil_mode": True}),  # beyond the image without padding
    ((1, 1, 5, 5), {"size": (3, 2), "stride": 2, "padding": ((1, 0), (0, 1))}),
    ((1, 1, 4, 5), {"size": 2, "stride": 1, "padding": "same"}),
    ((1, 2, 5, 6), {"size": (3, 4), "stride": (2, 3), "padding": "same"}),
    ((1, 1, 7, 7), {"size": 2, "stride": 2, "dilation": 3}),
    ((1, 1, 6, 7), {"size": 3, "stride": 1, "dilation": (1, 2), "padding": (1, 2)}),
]


def cases() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("shape", "options"), CASES, ids=str)


def geometry(image: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return hyperparameters as the oracle takes them."""

    def pair(value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    size, dilation = pair(options["size"]), pair(options.get("dilation", 1))
    stride, padding = pair(options.get("stride", options["size"])), options.get("padding", 0)
    if padding == "same":
        padding = oracle.same(image, size, stride, dilation)
    return {
        "size": size,
        "stride": stride,
        "padding": tuple(pair(side) for side in pair(padding)),
        "dilation": dilation,
        "ceil_mode": options.get("ceil_mode", False),
    }


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@cases()
def test_max_equal_to_loops(lib: Lib, shape: tuple[int, ...], options: Any, dtype: str) -> None:
    rng = numpy.random.default_rng(0)
    x = rng.integers(-3, 3, shape).astype(dtype)  # many ties
    expected, expected_pullback = oracle.max_pool2d(x, **geometry(shape[2:], options))
    dy = rng.integers(-9, 9, expected.shape).astype(dtype)  # sums of whole numbers are exact
    for place in (lib, strided(lib)):
        y, pullback = ops.max_pool2d(place.asarray(x), **options)
        assert_same(y, expected.astype(dtype), lib, "y")
        (dx,) = pullback(place.asarray(dy))
        assert_same(dx, expected_pullback(dy).astype(dtype), lib, "dx")


@cache
def average(case: int, count_include_pad: bool) -> tuple[tuple[Any, Any], ...]:
    """Return x and dy in float32; y and dx by loops; y and dx with bounds of their rounding."""
    shape, options = CASES[case]
    rng = numpy.random.default_rng(0)
    x = rng.uniform(-1, 1, shape).astype("float32")
    y, by_loops_back = oracle.avg_pool2d(
        x.astype("float64"), **geometry(shape[2:], options), count_include_pad=count_include_pad
    )
    dy = numpy.asarray(rng.uniform(-1, 1, y.shape), "float32")
    rounded, back = ops.avg_pool2d(exact(x), **options, count_include_pad=count_include_pad)
    return (x, dy), (y, by_loops_back(dy.astype("float64"))), (rounded, back(exact(dy))[0])


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{s} {o}" for s, o in CASES])
def test_average_equal_to_loops(lib: Lib, case: int, dtype: str, count_include_pad: bool) -> None:
    (x, dy), (expected, expected_dx), (rounded, bounds) = average(case, count_include_pad)
    options = CASES[case][1] | {"count_include_pad": count_include_pad}
    for place in (lib, strided(lib)):
        y, pullback = ops.avg_pool2d(place.asarray(x, dtype), **options)
        assert_near(y, expected, rounded, lib, "y")
        (dx,) = pullback(place.asarray(dy, dtype))
        assert_near(dx, expected_dx, bounds, lib, "dx")


@cases()
def test_the_gradient_of_the_average_is_its_adjoint(
    lib: Lib, shape: tuple[int, ...], options: Any
) -> None:
    """<pool(x), g> = <x, dx(g)>, as average pooling is linear in x."""
    rng = numpy.random.default_rng(1)
    x = rng.standard_normal(shape)
    y, pullback = ops.avg_pool2d(lib.asarray(x), **options)
    g = rng.standard_normal(tuple(y.shape))
    (dx,) = pullback(lib.asarray(g))
    difference = numpy.sum(x * lib.to_host(dx)) - numpy.sum(lib.to_host(y) * g)
    assert abs(difference) <= 1e-14 * numpy.sum(numpy.abs(x)) * numpy.sum(numpy.abs(g))


def test_windows_in_the_padding_alone_are_found_by_arithmetic() -> None:
    """Against a list of every element of every window."""
    found = set()
    for n, k, stride, dilation, out, before in product(
        (1, 2, 3, 5), (1, 2, 3), (1, 2, 3, 4), (1, 2, 3, 7), (1, 2, 3, 6), (0, 1, 2, 3, 9)
    ):
        starts = [p * stride - before for p in range(out)]
        windows = [{s + i * dilation for i in range(k)} & set(range(n)) for s in starts]
        missed = not all(windows)
        assert _misses(n, k, stride, dilation, out, before) == missed, (n, k, stride, dilation)
        found.add(missed)
    assert found == {True, False}


def test_sizes_beyond_all_images_are_rejected_at_once() -> None:
    for name in ("size", "stride", "padding", "dilation"):
        sizes: dict[str, Any] = {"size": 2, name: 2**31}
        with pytest.raises(ConfigError) as caught:
            window_shape("max_pool2d", (8, 8), **sizes)
        assert str(caught.value).startswith(f"max_pool2d: {name} is 2147483648, expected at most ")
    most = 2**24
    assert pool_shape("max_pool2d", (8, 8), most, 1, most // 2, 1, False) == (9, 9)
