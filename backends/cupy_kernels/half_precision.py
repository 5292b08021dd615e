"""What training in float16 adds to a step, by `kernels/half_precision.cu`: few launches for all
parameters."""

from collections.abc import Sequence
from typing import Any

import numpy

from .cuda import FLOAT16, FLOAT32, THREADS, Array, Cuda, as_argument, serves, serves_half

FILE = "half_precision.cu"
MOST_ITEMS = 120  # of a launch
ITEM = numpy.dtype(
    [
        *((name, numpy.uint64) for name in ("x", "other", "y")),
        *((name, numpy.uint32) for name in ("count", "first_block")),
    ]
)
ITEMS = numpy.dtype([("at", ITEM, (MOST_ITEMS,))])


def converted(cuda: Cuda, *arrays: Array, dtype: Any) -> Any:
    """Convert float32 to float16, or float16 to float32."""
    new = numpy.dtype(dtype)
    if not serves_half(*arrays) or {arrays[0].dtype, new} != {FLOAT32, FLOAT16}:
        return NotImplemented
    results = tuple(cuda.empty(x.shape, new.name) for x in arrays)
    narrow = results[0] if new == FLOAT16 else arrays[0]
    kernel = "narrow_all" if new == FLOAT16 else "widen_all"
    _launch(cuda.like(narrow), kernel, arrays, (), results)
    return results


def unscaled(cuda: Cuda, scale: Array, *grads: Array) -> Any:
    """Divide gradients by the loss scale; three launches for up to 120 of them."""
    if not serves(scale, *grads):
        return NotImplemented
    good = cuda.empty((), "bool")
    cuda.blocks(FILE, "check_scale", (1,), 1, scale, good)
    _launch(cuda, "check_all", grads, (), (), good)
    new = tuple(cuda.empty(g.shape) for g in grads)
    _launch(cuda, "unscale_all", grads, (), new, scale, good)
    return good, *new


def kept_if(cuda: Cuda, good: Array, *arrays: Array) -> Any:
    """Choose between new arrays and old ones."""
    if not serves(*arrays):
        return NotImplemented
    new, old = arrays[: len(arrays) // 2], arrays[len(arrays) // 2 :]
    kept = tuple(cuda.empty(x.shape) for x in new)
    _launch(cuda, "keep_all", new, old, kept, good)
    return kept


def next_scale(
    cuda: Cuda,
    scale: Array,
    since: Array,
    skipped: Array,
    good: Array,
    *,
    grow_after: int,
    largest: float,
) -> Any:
    """Halve or double the loss scale, in one launch."""
    given = scale, since, skipped
    if not serves(*given):
        return NotImplemented
    new = tuple(cuda.empty(()) for _ in given)
    rule = numpy.float32(grow_after), numpy.float32(largest)
    cuda.blocks(FILE, "next_scale", (1,), 1, *given, good, *rule, *new)
    return new


def _launch(
    cuda: Cuda,
    kernel: str,
    inputs: Sequence[Array],
    others: Sequence[Array],
    outputs: Sequence[Array],
    *rest: Array,
) -> None:
    """Launch a kernel for many arrays; `others` and `outputs` may be empty."""
    columns = {"x": [*map(cuda.ordered, inputs)], "other": [*map(cuda.ordered, others)]}
    columns["y"] = list(outputs)
    for first in range(0, len(inputs), MOST_ITEMS):
        items = numpy.zeros((), ITEMS)
        sizes = [x.size for x in inputs[first : first + MOST_ITEMS]]
        ends = numpy.cumsum([0, *(-(-size // THREADS) for size in sizes)])
        rows = items["at"][: len(sizes)]
        rows["count"], rows["first_block"] = sizes, ends[:-1]
        for name, arrays in columns.items():
            if arrays:
                rows[name] = [int(x.data.ptr) for x in arrays[first : first + MOST_ITEMS]]
        given = numpy.uint32(len(sizes)), as_argument(items), *rest
        cuda.blocks(FILE, kernel, (int(ends[-1]),), THREADS, *given)
