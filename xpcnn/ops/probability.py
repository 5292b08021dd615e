"""Softmax and its logarithm, with checks. Definition: `reference/probability.py`."""

from xpcnn.errors import ShapeError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays
from xpcnn.ops.dispatch import op
from xpcnn.types import Array


def _check_softmax(x: Array, *, axis: int = -1) -> None:
    _check("softmax", x, axis)


def _check_log_softmax(x: Array, *, axis: int = -1) -> None:
    _check("log_softmax", x, axis)


def _check(name: str, x: Array, axis: int) -> None:
    check_arrays(name, x=x)
    rank = len(x.shape)
    if not (isinstance(axis, int) and -rank <= axis < rank):
        message = f"{name}: x of shape {tuple(x.shape)} has no axis {axis!r}"
        raise ShapeError(hint(message, "axis=-1, the last one"))


softmax = op(reference.softmax, _check_softmax)
log_softmax = op(reference.log_softmax, _check_log_softmax)
