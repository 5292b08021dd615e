"""Activations: values and derivatives at five points, to 13 digits; slopes of PReLU by hand.

The digits are the formulas of the sources, worked out with 40 digits by a program of its own.
"""

from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import ops
from xpcnn.ops import activation
from xpcnn.ops.reference.error_function import erf

X = [-2.0, -0.5, 0.0, 0.5, 2.0]

TABLE: list[tuple[str, dict[str, Any], list[float], list[float]]] = [
    # name, hyperparameters, values at X, derivatives at X
    ("relu", {}, [0.0, 0.0, 0.0, 0.5, 2.0], [0.0, 0.0, 0.0, 1.0, 1.0]),
    ("leaky_relu", {}, [-0.02, -0.005, 0.0, 0.5, 2.0], [0.01, 0.01, 0.01, 1.0, 1.0]),
    ("leaky_relu", {"slope": 0.2}, [-0.4, -0.1, 0.0, 0.5, 2.0], [0.2, 0.2, 0.2, 1.0, 1.0]),
    (
        "elu",
        {},
        [-0.8646647167634, -0.3934693402874, 0.0, 0.5, 2.0],
        [0.1353352832366, 0.6065306597126, 1.0, 1.0, 1.0],
    ),
    (
        "elu",
        {"alpha": 0.5},
        [-0.4323323583817, -0.1967346701437, 0.0, 0.5, 2.0],
        [0.06766764161831, 0.3032653298563, 0.5, 1.0, 1.0],
    ),
    (
        "selu",
        {},
        [-1.520166468596, -0.6917581878029, 0.0, 0.5253504936777, 2.101401974711],
        [0.2379328722517, 1.066341153045, 1.758099340847, 1.050700987355, 1.050700987355],
    ),
    (
        "gelu",
        {},
        [-0.04550026389636, -0.154268769363, 0.0, 0.345731230637, 1.954499736104],
        [-0.0852318010782, 0.1325048753438, 0.5, 0.8674951246562, 1.085231801078],
    ),
    (
        "gelu",
        {"approximate": "tanh"},
        [-0.04540230591222, -0.1542859901749, 0.0, 0.3457140098251, 1.954597694088],
        [-0.08609925662362, 0.1326300964654, 0.5, 0.8673699035346, 1.086099256624],
    ),
    (
        "silu",
        {},
        [-0.2384058440442, -0.1887703343991, 0.0, 0.3112296656009, 1.761594155956],
        [-0.0907842487849, 0.2600388126973, 0.5, 0.7399611873027, 1.090784248785],
    ),
    (
        "mish",
        {},
        [-0.2525014826957, -0.2207437746517, 0.0, 0.3752452113049, 1.943958959534],
        [-0.1083550924204, 0.2895106779135, 0.6, 0.8864243753577, 1.069317934279],
    ),
    (
        "softplus",
        {},
        [0.126928011043, 0.4740769841801, 0.6931471805599, 0.9740769841801, 2.126928011043],
        [0.1192029220221, 0.3775406687981, 0.5, 0.6224593312019, 0.8807970779779],
    ),
    (
        "softplus",
        {"beta": 2.0},
        [0.009074963958905, 0.1566308437591, 0.34657359028, 0.6566308437591, 2.009074963959],
        [0.01798620996209, 0.26894142137, 0.5, 0.73105857863, 0.9820137900379],
    ),
    (
        "softsign",
        {},
        [-0.6666666666667, -0.3333333333333, 0.0, 0.3333333333333, 0.6666666666667],
        [0.1111111111111, 0.4444444444444, 1.0, 0.4444444444444, 0.1111111111111],
    ),
    (
        "hard_sigmoid",
        {},
        [0.1666666666667, 0.4166666666667, 0.5, 0.5833333333333, 0.8333333333333],
        [0.1666666666667, 0.1666666666667, 0.1666666666667, 0.1666666666667, 0.1666666666667],
    ),
    (
        "hard_swish",
        {},
        [-0.3333333333333, -0.2083333333333, 0.0, 0.2916666666667, 1.666666666667],
        [-0.1666666666667, 0.3333333333333, 0.5, 0.6666666666667, 1.166666666667],
    ),
    ("hard_tanh", {}, [-1.0, -0.5, 0.0, 0.5, 1.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
    (
        "hard_tanh",
        {"low": -0.25, "high": 1.25},
        [-0.25, -0.25, 0.0, 0.5, 1.25],
        [0.0, 0.0, 1.0, 1.0, 0.0],
    ),
    (
        "hard_tanh",
        {"low": 0.0, "high": 0.5},
        [0.0, 0.0, 0.0, 0.5, 0.5],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ),
    (
        "hard_tanh",
        {"low": -numpy.inf, "high": 0.0},
        [-2.0, -0.5, 0.0, 0.0, 0.0],
        [1.0, 1.0, 0.0, 0.0, 0.0],
    ),
    ("relu6", {}, [0.0, 0.0, 0.0, 0.5, 2.0], [0.0, 0.0, 0.0, 1.0, 1.0]),
    (
        "sigmoid",
        {},
        [0.1192029220221, 0.3775406687981, 0.5, 0.6224593312019, 0.8807970779779],
        [0.1049935854035, 0.2350037122016, 0.25, 0.2350037122016, 0.1049935854035],
    ),
    (
        "tanh",
        {},
        [-0.9640275800758, -0.46211715726, 0.0, 0.46211715726, 0.9640275800758],
        [0.07065082485316, 0.7864477329659, 1.0, 0.7864477329659, 0.07065082485316],
    ),
]


def test_the_table_is_complete() -> None:
    elementwise = {name for name in vars(activation) if name in ops.__all__} - {"prelu"}
    assert {name for name, *_ in TABLE} == elementwise


@pytest.mark.parametrize(("name", "options", "values", "derivatives"), TABLE)
def test_values_and_derivatives(
    lib: Lib, name: str, options: Any, values: Any, derivatives: Any
) -> None:
    y, pullback = getattr(ops, name)(lib.asarray(X), **options)
    assert_same(y, values, lib, "y")
    assert_same(pullback(lib.asarray([1.0] * 5))[0], derivatives, lib, "derivative")
    assert_same(pullback(lib.asarray(X))[0], numpy.multiply(X, derivatives), lib, "dx")


def test_selu_and_hard_sigmoid_with_other_constants(lib: Lib) -> None:
    y, pullback = ops.selu(lib.asarray([-1.0, 2.0]), alpha=2.0, scale=3.0)
    assert_same(y, [6.0 * numpy.expm1(-1.0), 6.0], lib)
    assert_same(pullback(lib.asarray([1.0, 1.0]))[0], [6.0 * numpy.exp(-1.0), 3.0], lib)
    y, pullback = ops.hard_sigmoid(lib.asarray([-2.0, 1.0, 3.0]), slope=0.25, offset=0.5)
    assert_same(y, [0.0, 0.75, 1.0], lib)
    assert_same(pullback(lib.asarray([1.0, 1.0, 1.0]))[0], [0.0, 0.25, 0.0], lib)


def test_relu6_is_flat_from_6_on(lib: Lib) -> None:
    y, pullback = ops.relu6(lib.asarray([5.0, 6.0, 7.0]))
    assert_same(y, [5.0, 6.0, 6.0], lib)
    assert_same(pullback(lib.asarray([1.0, 1.0, 1.0]))[0], [1.0, 0.0, 0.0], lib)


def test_softplus_is_a_line_above_the_threshold(lib: Lib) -> None:
    y, pullback = ops.softplus(lib.asarray([1.0, 2.0]), beta=2.0, threshold=3.0)
    assert_same(y, [numpy.log1p(numpy.exp(2.0)) / 2, 2.0], lib)
    assert_same(pullback(lib.asarray([1.0, 1.0]))[0], [1 / (1 + numpy.exp(-2.0)), 1.0], lib)


def test_gelu_far_below_zero_is_zero(lib: Lib) -> None:
    y, pullback = ops.gelu(lib.asarray([-1e30, -20.0, 20.0, 1e30]))
    assert_same(y, [0.0, 0.0, 20.0, 1e30], lib)
    assert_same(pullback(lib.asarray([1.0] * 4))[0], [0.0, 0.0, 1.0, 1.0], lib)


def test_prelu_learns_a_slope_per_channel(lib: Lib) -> None:
    x = lib.asarray([[[[-2.0, 3.0]], [[-4.0, -5.0]]]])
    y, pullback = ops.prelu(x, lib.asarray([0.5, 0.1]))
    assert_same(y, [[[[-1.0, 3.0]], [[-0.4, -0.5]]]], lib)
    dx, dslope = pullback(lib.asarray([[[[1.0, 1.0]], [[10.0, 1.0]]]]))
    assert_same(dx, [[[[0.5, 1.0]], [[1.0, 0.1]]]], lib)
    assert_same(dslope, [-2.0, -45.0], lib)


def test_prelu_with_one_slope_for_all(lib: Lib) -> None:
    y, pullback = ops.prelu(lib.asarray([[-2.0, 3.0], [-4.0, -1.0]]), lib.asarray([0.5]))
    assert_same(y, [[-1.0, 3.0], [-2.0, -0.5]], lib)
    assert_same(pullback(lib.asarray([[1.0, 1.0], [1.0, 1.0]]))[1], [-7.0], lib)


@pytest.mark.parametrize("slope", [0.5, [0.5]])
def test_prelu_of_any_shape_with_one_slope(lib: Lib, slope: float | list[float]) -> None:
    for x, y, total in (
        ([-2.0, 3.0, -4.0], [-1.0, 3.0, -2.0], -6.0),
        (-2.0, -1.0, -2.0),
        ([[-2.0, 3.0]], [[-1.0, 3.0]], -2.0),
    ):
        got, pullback = ops.prelu(lib.asarray(x), lib.asarray(slope))
        assert_same(got, y, lib)
        dslope = pullback(lib.asarray(numpy.ones(numpy.shape(x))))[1]
        assert_same(dslope, total if slope == 0.5 else [total], lib)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "silu", "gelu", "mish", "erf"])
def test_second_derivatives_at_zero(name: str) -> None:
    """Of a pullback under automatic differentiation, as products with the Hessian need them.

    Zeros are no rare case: they are what a filter makes of the flat border of an image.
    """
    torch: Any = pytest.importorskip("torch")

    def slope(x: Any) -> Any:
        if name == "erf":
            return erf(x)
        y, pullback = getattr(ops, name)(x)
        return pullback(y * 0.0 + 1.0)[0]

    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (second,) = torch.autograd.grad(slope(zero).sum(), zero)
    h = numpy.asarray([1e-5])
    expected = (slope(h) - slope(-h)) / 2e-5
    numpy.testing.assert_allclose(second.numpy(), expected, rtol=1e-8, atol=1e-9)
