"""Steps of SGD and Adam by `kernels/optimizer.cu`: one launch for up to 60 parameters.

A kernel runs in place of the `update` of an optimizer, whose fields it reads, and returns new
arrays too. It does not serve AMSGrad.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy

from .cuda import THREADS, Array, Cuda, serves

Arrays: TypeAlias = dict[str, Array]
State: TypeAlias = dict[str, Arrays]

MOST_TENSORS = 60  # of a launch
POINTERS = [(name, numpy.uint64) for name in ("p", "g", "m", "v", "new_p", "new_m", "new_v")]
TENSOR = numpy.dtype([*POINTERS, ("count", numpy.uint32), ("decays", numpy.uint32)])
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
    inputs = [
        {path: cuda.ordered(arrays[path]) for path in params}
        for arrays in (params, grads, *state.values())
    ]
    outputs = [{path: cuda.empty(p.shape) for path, p in params.items()} for _ in inputs[1:]]
    decay = numpy.array((rule.weight_decay, rule.decoupled), DECAY)
    rest = [x if isinstance(x, numpy.uint32) else numpy.float32(x) for x in numbers]
    paths = list(params)
    for first in range(0, len(paths), MOST_TENSORS):
        chunk = paths[first : first + MOST_TENSORS]
        tensors = numpy.zeros((), TENSORS)
        for row, path in zip(tensors["at"], chunk, strict=False):
            for name, arrays in zip(("p", "g", "m", "v"), inputs, strict=False):
                row[name] = arrays[path].data.ptr
            for name, arrays in zip(("new_p", "new_m", "new_v"), outputs, strict=False):
                row[name] = arrays[path].data.ptr
            row["count"] = params[path].size
            row["decays"] = rule.weight_decay > 0.0 and (rule.decay_all or params[path].ndim > 1)
        grid = -(-max(params[path].size for path in chunk) // THREADS), len(chunk)
        cuda.blocks("optimizer.cu", kernel, grid, THREADS, tensors, *time, decay, *rest)
    new, *memories = outputs
    return new, dict(zip(state, memories, strict=True))
