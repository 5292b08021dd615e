"""Batch normalisation, with its checks. The meaning is in `reference/norm.py`."""

import math

from xpcnn.errors import ShapeError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays, check_length, check_rank
from xpcnn.ops.dispatch import op
from xpcnn.types import Array


def check_batch_norm(
    x: Array, gamma: Array | None, beta: Array | None, *, eps: float = 1e-5
) -> None:
    check_arrays("batch_norm", x=x, gamma=gamma, beta=beta)
    _check_channels("batch_norm", x, gamma=gamma, beta=beta)
    if x.shape[0] * math.prod(x.shape[2:]) == 1:
        raise ShapeError(
            hint(
                f"batch_norm: x of shape {tuple(x.shape)} has one value per channel, and the "
                "variance of one value is 0",
                "another batch size, so that the last batch has more than one sample",
            )
        )


def _check_batch_norm_inference(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> None:
    check_arrays("batch_norm_inference", x=x, gamma=gamma, beta=beta, mean=mean, var=var)
    _check_channels("batch_norm_inference", x, gamma=gamma, beta=beta, mean=mean, var=var)


def _check_channels(name: str, x: Array, **vectors: Array | None) -> None:
    check_rank(name, "x", x, "(n, c, h, w)", "(n, c)")
    for argument, vector in vectors.items():
        check_length(name, argument, vector, x.shape[1], "one entry per channel")


batch_norm = op(reference.batch_norm, check_batch_norm)
batch_norm_inference = op(reference.batch_norm_inference, _check_batch_norm_inference)
