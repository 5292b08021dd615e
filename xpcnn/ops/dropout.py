"""Dropout, with its checks. The meaning is in `reference/dropout.py`."""

from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays, check_library, check_same_shape
from xpcnn.ops.dispatch import op
from xpcnn.options import FRACTION, number
from xpcnn.types import Array


def _check_dropout(x: Array, uniform: Array, *, rate: float) -> None:
    check_arrays("dropout", x=x)
    check_library("dropout", "x", x, "uniform", uniform)
    check_same_shape("dropout", "x", x, "uniform", uniform)
    number("dropout", "rate", rate, FRACTION, "rate=0.1")


dropout = op(reference.dropout, _check_dropout)
