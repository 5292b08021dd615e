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
