"""Classes of samples, with checks. Definition: `reference/labels.py`."""

from typing import Any

from xpcnn.ops.checks import check_classes, check_rank
from xpcnn.ops.dispatch import op
from xpcnn.ops.reference import labels as reference
from xpcnn.types import Array


def _check_most_probable(scores: Array, *, middle: float | None = None) -> None:
    check_rank("most_probable", "scores", scores, "(n, outputs)")


def _check_one_hot(labels: Array, *, outputs: int, dtype: Any) -> None:
    check_rank("one_hot", "labels", labels, "(n,)")
    check_classes("one_hot", labels, max(2, outputs))


most_probable = op(reference.most_probable, _check_most_probable, half=True)
one_hot = op(reference.one_hot, _check_one_hot, half=True)
