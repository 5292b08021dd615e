"""The sums of an epoch by `kernels/epoch_sums.cu`, in one launch each."""

from typing import Any

import numpy

from .cuda import Array, Cuda, summing


def count_equal(cuda: Cuda, x: Array, other: Array) -> Any:
    """Count equal elements of two arrays of whole numbers."""
    if {x.dtype.name, other.dtype.name} != {"int64"} or not 0 < x.size < 2**31:
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
    dtypes = tuple(x.dtype.name for x in given)
    if dtypes != ("float32", "int64", "bool", "float32", "int64"):
        return NotImplemented
    sums = tuple(cuda.empty((), dtype) for dtype in dtypes[:3])
    cuda.blocks("epoch_sums.cu", "tally", (1,), 1, *given, numpy.float32(samples), *sums)
    return sums
