"""Steps of SGD and Adam by `kernels/optimizer.cu`: one launch for up to 54 parameters.

A kernel runs in place of the `update` of an optimizer, whose fields it reads, and returns new
arrays too. It does not serve AMSGrad.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy

from ..optimizer_arrays import POINTERS, decays, pack
from ..types import Arrays, State
from .cuda import THREADS, Array, Cuda, as_argument, serves, struct

MOST_TENSORS = 54  # of a launch
TENSOR = numpy.dtype(
    [
        *((name, numpy.uint64) for name in POINTERS),
        ("count", numpy.uint32),
        ("decays", numpy.uint32),
        ("first_block", numpy.uint64),
    ]
)
TENSORS = numpy.dtype([("at", TENSOR, (MOST_TENSORS,))])
DECAY = numpy.dtype([("rate", numpy.float32), ("decoupled", numpy.uint32)])


def sgd(
    cuda: Cuda, rule: Any, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
) -> Any:
    """Step with SGD, with or without momentum."""
    numbers = rule.momentum, rule.dampening, numpy.uint32(rule.nesterov)
    held = {"velocity": state["velocity"]} if rule.momentum else {}
    return _stepped(cuda, "sgd", rule, params, grads, held, (lr, step), numbers)


def adam(
    cuda: Cuda, rule: Any, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
) -> Any:
    """Step with Adam or AdamW."""
    if rule.amsgrad:
        return NotImplemented
    numbers: list[float] = []
    for beta in (rule.beta1, rule.beta2):
        numbers += [beta, 1.0 - beta, math.log(beta) if beta > 0.0 else -math.inf]
    numbers.append(rule.eps)
    held = {"m": state["m"], "v": state["v"]}
    return _stepped(cuda, "adam", rule, params, grads, held, (lr, step), numbers)


@cache
def table(shapes: tuple[tuple[int, ...], ...], decayed: tuple[bool, ...]) -> tuple[Any, int]:
    """Return the table of the tensors of a launch without addresses, and how many blocks they take.

    decayed: whether weight decay changes each.
    """
    tensors = numpy.zeros((), TENSORS)
    sizes = [math.prod(shape) for shape in shapes]
    ends = numpy.cumsum([0, *(-(-size // THREADS) for size in sizes)])
    rows = tensors["at"][: len(shapes)]
    rows["count"], rows["decays"], rows["first_block"] = sizes, decayed, ends[:-1]
    return tensors, int(ends[-1])


def _stepped(
    cuda: Cuda,
    kernel: str,
    rule: Any,
    params: Arrays,
    grads: Arrays,
    state: State,
    time: tuple[Array, Array],
    numbers: Sequence[Any],
) -> Any:
    """Return the new parameters and state; the state's order is that of the kernel's m and v."""
    if not serves(*params.values(), *grads.values(), *time):
        return NotImplemented
    packed = pack(params, grads, state, cuda.ordered, lambda p: cuda.empty(p.shape))
    decay = struct(DECAY, rule.weight_decay, rule.decoupled)
    rest = [x if isinstance(x, numpy.uint32) else numpy.float32(x) for x in numbers]
    paths = list(params)
    for first in range(0, len(paths), MOST_TENSORS):
        chunk = paths[first : first + MOST_TENSORS]
        shapes = tuple(params[path].shape for path in chunk)
        form, blocks = table(shapes, tuple(decays(rule, len(shape)) for shape in shapes))
        tensors = form.copy()
        packed.write_addresses(tensors["at"][: len(chunk)], chunk, lambda x: int(x.data.ptr))
        given = numpy.uint32(len(chunk)), as_argument(tensors), *time, decay, *rest
        cuda.blocks("optimizer.cu", kernel, (blocks,), THREADS, *given)
    return packed.result(state)
