"""Dropout, sums, products, normalisation of input, with checks: see `reference/elementwise.py`."""

from xpcnn.errors import ShapeError, hint
from xpcnn.ops.checks import check_arrays, check_length, check_library, check_same_shape
from xpcnn.ops.dispatch import op
from xpcnn.ops.reference import elementwise as reference
from xpcnn.options import FRACTION, number
from xpcnn.types import Array


def _check_dropout(x: Array, uniform: Array, *, rate: float) -> None:
    check_arrays("dropout", x=x)
    check_library("dropout", "x", x, "uniform", uniform)
    check_same_shape("dropout", "x", x, "uniform", uniform)
    number("dropout", "rate", rate, FRACTION, "rate=0.1")


def check_add(x: Array, other: Array) -> None:
    check_arrays("add", x=x, other=other)
    check_same_shape("add", "x", x, "other", other)


def _check_multiply(x: Array, gate: Array) -> None:
    check_arrays("multiply", x=x, gate=gate)
    shape, given = tuple(x.shape), tuple(gate.shape)
    if len(given) != len(shape) or any(k not in (1, n) for n, k in zip(shape, given, strict=True)):
        message = f"multiply: gate has shape {given}, expected as many axes as x of shape {shape}"
        advice = "the length of x along each axis, or 1 to share a number along it"
        raise ShapeError(hint(f"{message}, of its lengths or 1", advice))


def _check_normalise(x: Array, mean: Array, std: Array) -> None:
    check_arrays("normalise", mean=mean, std=std)
    check_library("normalise", "x", x, "mean", mean)
    check_length("normalise", "mean", mean, x.shape[1], "one entry per channel")
    check_length("normalise", "std", std, x.shape[1], "one entry per channel")


add = op(reference.add, check_add, half=True)
dropout = op(reference.dropout, _check_dropout, half=True)
multiply = op(reference.multiply, _check_multiply)
normalise = op(reference.normalise, _check_normalise)
