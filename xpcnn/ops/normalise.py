"""Normalisation of input, with its checks. The meaning is in `reference/normalise.py`."""

from xpcnn.ops.checks import check_arrays, check_length, check_library
from xpcnn.ops.dispatch import op
from xpcnn.ops.reference.normalise import normalise as reference
from xpcnn.types import Array


def _check_normalise(x: Array, mean: Array, std: Array) -> None:
    check_arrays("normalise", mean=mean, std=std)
    check_library("normalise", "x", x, "mean", mean)
    check_length("normalise", "mean", mean, x.shape[1], "one entry per channel")
    check_length("normalise", "std", std, x.shape[1], "one entry per channel")


normalise = op(reference, _check_normalise)
