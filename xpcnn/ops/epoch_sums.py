"""Counting and the sums of an epoch, with checks. Definition: `reference/epoch_sums.py`."""

from xpcnn.ops.checks import check_library, check_same_shape
from xpcnn.ops.dispatch import op
from xpcnn.ops.reference import epoch_sums as reference
from xpcnn.types import Array


def _check_count_equal(x: Array, other: Array) -> None:
    check_library("count_equal", "x", x, "other", other)
    check_same_shape("count_equal", "x", x, "other", other)


def _check_tally(
    loss_sum: Array, hits: Array, finite: Array, loss: Array, right: Array, *, samples: int
) -> None:
    """Check nothing: NumPy's sums may be arrays or scalars, and each step makes them."""


count_equal = op(reference.count_equal, _check_count_equal)
tally = op(reference.tally, _check_tally)
