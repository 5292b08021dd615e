"""The sums of an epoch by `kernels/epoch_sums.cu`, in one launch each."""

from typing import Any

import numpy

from .cuda import FLOAT32, Array, Cuda, summing

INT64, BOOL = numpy.dtype("int64"), numpy.dtype("bool")
TALLIED = FLOAT32, INT64, BOOL, FLOAT32, INT64


def count_equal(cuda: Cuda, x: Array, other: Array) -> Any:
    """Count equal elements of two arrays of whole numbers."""
    if (x.dtype, other.dtype) != (INT64, INT64) or not 0 < x.size < 2**31:
        return NotImplemented
    number = cuda.empty((), "int64")
    given = numpy.uint32(x.size), cuda.ordered(x), cuda.ordered(other), number
    cuda.blocks("epoch_sums.cu", "count_equal", (1,), summing(x.size), *given)
    return number


def tally(
    cuda: Cuda,
    loss_sum: Array,
    hits: Array,
    finite: Array,
    loss: Array,
    right: Array,
    *,
    samples: int,
) -> Any:
    """Add a batch to the sums."""
    given = loss_sum, hits, finite, loss, right
    if tuple(x.dtype for x in given) != TALLIED:
        return NotImplemented
    sums = tuple(cuda.empty((), dtype) for dtype in TALLIED[:3])
    cuda.blocks("epoch_sums.cu", "tally", (1,), 1, *given, numpy.float32(samples), *sums)
    return sums
