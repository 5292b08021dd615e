"""Transposed convolution: by hand, and against the gradient of a convolution by plain loops."""

from typing import Any

import numpy
import pytest

from tests.compare import assert_near, assert_same
from tests.lib import Lib, strided
from tests.ops import oracle
from tests.rounding import exact
from xpcnn import ops

X, W = [[[[1.0, 2.0], [3.0, 4.0]]]], [[[[1.0, 10.0], [100.0, 1000.0]]]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"stride": (2, 1)}, [[1, 12, 20], [100, 1200, 2000], [3, 34, 40], [300, 3400, 4000]]),
        ({}, [[1, 12, 20], [103, 1234, 2040], [300, 3400, 4000]]),
        ({"padding": 1}, [[1234]]),
        ({"padding": ((1, 0), (0, 1))}, [[103, 1234], [300, 3400]]),
        ({"padding": "same"}, [[1, 12], [103, 1234]]),  # what is too much is cut off at the end
        ({"padding": (0, 1), "stride": 2}, [[10, 2], [1000, 200], [30, 4], [3000, 400]]),
        (
            {"padding": 1, "stride": 2, "output_padding": (1, 0)},
            [[1000, 200], [30, 4], [3000, 400]],
        ),
        ({"dilation": 2, "padding": 1}, [[4, 30], [200, 1000]]),
    ],
    ids=str,
)
def test_by_hand(lib: Lib, options: Any, expected: Any) -> None:
    y, _ = ops.conv_transpose2d(lib.asarray(X), lib.asarray(W), **options)
    assert_same(y, numpy.asarray([[expected]], "float64"), lib)


def test_gradients_by_hand(lib: Lib) -> None:
    b = lib.asarray([0.5])
    y, pullback = ops.conv_transpose2d(lib.asarray(X), lib.asarray(W), b, padding=1)
    assert_same(y, [[[[1234.5]]]], lib)
    dx, dw, db = pullback(lib.asarray([[[[2.0]]]]))
    assert_same(dx, [[[[2000.0, 200.0], [20.0, 2.0]]]], lib)
    assert_same(dw, [[[[8.0, 6.0], [4.0, 2.0]]]], lib)
    assert_same(db, [2.0], lib)


def test_groups_do_not_see_each_other(lib: Lib) -> None:
    x, w = lib.asarray([[[[2.0]], [[3.0]]]]), lib.asarray([[[[10.0]]], [[[100.0]]]])
    y, _ = ops.conv_transpose2d(x, w, groups=2)
    assert_same(y, [[[[20.0]], [[300.0]]]], lib)


MORE = {"output_padding": 1}
CASES: list[tuple[Any, Any, Any, dict[str, Any]]] = [
    # shapes of x, w and of an image of the output, hyperparameters
    ((2, 2, 3, 4), (2, 3, 3, 2), (5, 5), {}),
    ((1, 2, 3, 2), (2, 1, 2, 3), (6, 4), {"stride": (2, 1)}),
    ((1, 4, 3, 3), (4, 2, 3, 3), (6, 6), {"stride": 2, "padding": 1, **MORE, "groups": 2}),
    ((2, 1, 2, 3), (1, 2, 2, 2), (5, 6), {"stride": 3, "padding": ((0, 1), (2, 1)), **MORE}),
    ((1, 1, 3, 4), (1, 1, 3, 2), (7, 7), {"dilation": 2, "output_padding": (0, 1)}),
    ((1, 2, 2, 3), (2, 1, 3, 3), (4, 6), {"stride": 2, "padding": "same"}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("x_shape", "w_shape", "image", "options"), CASES, ids=str)
def test_it_is_the_gradient_of_a_convolution(
    lib: Lib, x_shape: Any, w_shape: Any, image: Any, options: Any, dtype: str
) -> None:
    """By the oracle: y is the dx of dy = x, dx the output for the image dy, dw its dw."""

    def pair(value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    rng = numpy.random.default_rng(0)
    filters = w_shape[1] * options.get("groups", 1)
    x, w, b, dy = (
        rng.uniform(-1, 1, s).astype("float32")
        for s in (x_shape, w_shape, (filters,), (x_shape[0], filters, *image))
    )
    wide = [a.astype("float64") for a in (x, w, b, dy)]
    stride, dilation = (pair(options.get(name, 1)) for name in ("stride", "dilation"))
    padding = options.get("padding", 0)
    if padding == "same":
        padding = oracle.same(image, w_shape[2:], stride, dilation)
    dx, back = oracle.conv2d(
        wide[3],
        wide[1],
        None,
        stride=stride,
        padding=tuple(pair(side) for side in pair(padding)),
        dilation=dilation,
        groups=options.get("groups", 1),
    )
    h, width = x_shape[2:]  # more windows than pixels if the output padding reaches the stride
    more = numpy.zeros(dx.shape)
    more[:, :, :h, :width] = wide[0]
    y, dw, _ = back(more)
    wanted = {"dx": dx[:, :, :h, :width], "dw": dw, "db": wide[3].sum(axis=(0, 2, 3))}

    rounded, rounded_back = ops.conv_transpose2d(*map(exact, (x, w, b)), **options)
    bounds = rounded_back(exact(dy))
    for place in (lib, strided(lib)):
        arrays = [place.asarray(a, dtype) for a in (x, w, b)]
        got, pullback = ops.conv_transpose2d(*arrays, **options)
        assert_near(got, y + wide[2].reshape(1, -1, 1, 1), rounded, lib, "y")
        gradients = pullback(place.asarray(dy, dtype))
        for (name, value), gradient, bound in zip(wanted.items(), gradients, bounds, strict=True):
            assert bound is not None
            assert_near(gradient, value, bound, lib, name)
