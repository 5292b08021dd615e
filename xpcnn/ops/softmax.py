"""Softmax and its logarithm, with checks. The meaning is in `reference/softmax.py`."""

from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays
from xpcnn.ops.dispatch import op
from xpcnn.types import Array


def _check_softmax(x: Array, *, axis: int = -1) -> None:
    check_arrays("softmax", x=x)


def _check_log_softmax(x: Array, *, axis: int = -1) -> None:
    check_arrays("log_softmax", x=x)


softmax = op(reference.softmax, _check_softmax)
log_softmax = op(reference.log_softmax, _check_log_softmax)
