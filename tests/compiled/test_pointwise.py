"""Activations in C, and what the pullbacks of all kernels refuse."""

import math
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from tests.compiled.support import (
    agree,
    compiled,
    cut,
    guarded,
    pointwise,
    require_compiler,
    whole,
)
from tests.conformance.case_results import numpy_kernels
from xpcnn import ops

SIZES = [1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000]


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


def test_relu_of_special_numbers() -> None:
    x = numpy.asarray([1, -1, 0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 1e-45, -1e-45], "float32")
    for _ in range(3):  # beyond a vector too
        agree("relu", [x], numpy.arange(1, len(x) + 1, dtype="float32"))
        x = numpy.concatenate([x, x])


@pytest.mark.parametrize("pieces", [1, 3, 7])
@pytest.mark.parametrize("size", SIZES)
def test_relu(size: int, pieces: int) -> None:
    with cut(pieces, 2):
        agree("relu", [whole(numpy.random.default_rng(size), size)])


def test_relu_in_the_memory_order_of_its_input() -> None:
    rng = numpy.random.default_rng(0)
    for x in (whole(rng, 5, 4, 3, 9).transpose(3, 0, 1, 2), whole(rng, 9, 8)[::2, ::-3]):
        dense = x.copy(order="K")
        assert compiled.KERNELS["relu"](x)[0].strides == dense.strides
        agree("relu", [x])
        agree("relu", [dense], whole(rng, *x.shape))
    agree("relu", [whole(rng)])
    agree("relu", [numpy.broadcast_to(numpy.float32(-2), (3, 4))])


LINES: list[tuple[str, dict[str, float | str]]] = [
    *((name, {}) for name in pointwise.ACTIVATIONS),
    ("leaky_relu", {"slope": -0.25}),
    ("elu", {"alpha": -2.0}),
    ("selu", {"alpha": 0.5, "scale": 2.0}),
    ("softplus", {"beta": 4.0, "threshold": math.inf}),
    ("hard_sigmoid", {"slope": 0.25, "offset": -0.5}),
    ("hard_tanh", {"low": -math.inf, "high": 0.5}),
    ("gelu", {"approximate": "tanh"}),
]
lines = pytest.mark.parametrize(("op", "options"), LINES)

PLAIN: dict[str, Callable[[float], float]] = {
    "gelu": lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
    "gelu tanh": lambda x: x / (1 + math.exp(-math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))),
}
"""Formulas without the cancellation of those that the references have, in float64."""


@lines
def test_activations_to_eight_units(op: str, options: dict[str, Any]) -> None:
    """Of y, and of x where that moves y: e^-100 changes by 100 units where x changes by one.

    Numbers from the smallest to where every function is flat, cut anywhere; none at a corner.
    """
    small = 2.0 ** numpy.arange(-126, 0, 3)
    x = numpy.concatenate([numpy.linspace(-103.3, 97.1, 4001), numpy.linspace(-9.9, 9.7, 4001)])
    x = numpy.concatenate([x, small, -small]).astype("float32")
    wide = x.astype("float64")
    with cut(7, 3), guarded():
        y, pullback = compiled.KERNELS[op](x, **options)
        (dx,) = pullback(numpy.ones_like(x))
    with numpy_kernels(present=False):
        expected, back = getattr(ops, op)(wide, **options)
        (slope,) = back(numpy.ones_like(wide))
    plain = PLAIN.get(" ".join([op, *(str(o) for o in options.values() if op == "gelu")]))
    moved = abs(wide * slope)
    if plain is not None:
        kept = wide > -20
        expected[kept] = [plain(number) for number in wide[kept]]
        moved[kept] = [1e6 * abs(plain(v * (1 + 1e-6)) - plain(v)) for v in wide[kept]]
    unit, least = 2.0**-24, 2.0**-149
    bound = 8 * unit * (abs(expected) + moved) + least * (1 + abs(wide))
    assert (abs(y - expected) <= bound).all()
    assert (abs(dx - slope) <= 8 * unit * numpy.maximum(abs(slope), 1)).all()


@lines
def test_activations_of_any_number_of_numbers(op: str, options: dict[str, Any]) -> None:
    x = numpy.linspace(-3, 3, SIZES[-1]).astype("float32")
    expected, _ = compiled.KERNELS[op](x, **options)
    for size in SIZES:
        with cut(1, 1), guarded():
            y, _ = compiled.KERNELS[op](x[:size], **options)
        assert y.tobytes() == expected[:size].tobytes()


@lines
def test_activations_of_special_numbers(op: str, options: dict[str, Any]) -> None:
    x = numpy.asarray([0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 2.0**99, -(2.0**99)], "float32")
    exact = (
        {"slope": 0.25}
        if op == "leaky_relu"
        else {"scale": 2.0, "alpha": 1.5}
        if op == "selu"
        else {}
    )
    for _ in range(3):  # beyond a vector too
        agree(op, [x], numpy.ones_like(x), **exact | options)
        x = numpy.concatenate([x, x])


def test_an_activation_that_the_table_has_not() -> None:
    with pytest.raises(KeyError, match="sine"):
        pointwise.run("sine", numpy.ones(3, "float32"))


def test_a_dy_of_another_dtype_is_converted() -> None:
    """NumPy's own default is float64: numpy.ones(y.shape) is what people write."""
    rng = numpy.random.default_rng(0)
    x, w = whole(rng, 9, 2, 4, 4), whole(rng, 3, 2, 1, 1)
    agree("relu", [x], whole(rng, *x.shape).astype("float64"))
    agree("relu", [whole(rng)], numpy.asarray(2.0))
    agree("conv2d", [x, w, None], whole(rng, 9, 3, 4, 4).astype("float64"))
    agree("conv_relu_pool", [x, w, None], whole(rng, 9, 3, 4, 4).astype("float64"))
    agree("conv_relu_pool", [x, w, None], whole(rng, 9, 3, 2, 2).astype("float64"), pool=2)
    agree("avg_pool2d", [x], whole(rng, 9, 2, 2, 2).astype("float64"), size=2)
    agree("max_pool2d", [x], whole(rng, 9, 2, 2, 2).astype("float64"), size=2)
    agree("dense", [x[0, 0], x[0, 0]], whole(rng, 4, 4).astype("float64"))


@pytest.mark.parametrize("shape", [(9, 500, 2, 2), (64, 3, 2, 2), (9, 3, 3, 3), (1, 1, 1, 1)])
@pytest.mark.parametrize(
    "name", ["conv2d", "conv_relu_pool", "avg_pool2d", "max_pool2d", "batch_norm", "relu"]
)
def test_a_dy_of_another_shape_is_an_error(name: str, shape: tuple[int, ...]) -> None:
    """The kernels read memory: of a wrong shape they would read what is not theirs."""
    rng = numpy.random.default_rng(0)
    x, w = whole(rng, 9, 3, 4, 4), whole(rng, 3, 3, 1, 1)
    given: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "conv2d": ([x, w], {"stride": 2}),
        "conv_relu_pool": ([x, w], {"pool": 2}),
        "avg_pool2d": ([x], {"size": 2}),
        "max_pool2d": ([x], {"size": 2}),
        "batch_norm": ([x[:, :, :2, :2], None, None], {}),
        "relu": ([x[:, :, :2, :2]], {}),
    }
    arrays, options = given[name]
    _, pullback = compiled.KERNELS[name](*arrays, **options)
    dy = numpy.ones(shape, "float32")
    with pytest.raises(ValueError, match=r"dy of shape .*, expected \(9, 3, 2, 2\)"):
        pullback(dy)


def test_a_dy_of_another_number_of_features_is_an_error() -> None:
    _, pullback = compiled.KERNELS["dense"](numpy.ones((4, 3), "f4"), numpy.ones((3, 2), "f4"))
    with pytest.raises(ValueError, match=r"dy of shape \(4, 1\), expected \(4, 2\)"):
        pullback(numpy.ones((4, 1), "float32"))
    with pytest.raises(ValueError, match=r"dy of shape \(\), expected \(4, 2\)"):
        pullback(1.0)
