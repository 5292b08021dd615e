"""Steps of SGD and Adam in C (optimizer.c): float32, all parameters in one call.

A kernel runs in place of the `update` of an optimizer, whose fields it reads, and returns new
arrays too. It does not serve AMSGrad.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from ...optimizer_arrays import decays
from ...types import Arrays, State
from ..layout import Array
from ..recording import contiguous
from ..threads import sharing
from .shared_library import FLOAT32, Call, serves

PASS = 16  # multiplications that take as long as a step of one number
TENSOR = "ppppooo ldd"  # fields of `Tensor`


@lru_cache(maxsize=64)
def _call(tensors: int) -> Call:
    return Call("update", f"pp dd fff l lll {tensors * TENSOR}")


def sgd(rule: Any, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array) -> Any:
    """Step with SGD, with or without momentum."""
    held = {"velocity": state["velocity"]} if rule.momentum else {}
    numbers = rule.momentum, 0.0, 1.0, 1.0 - rule.dampening, 0.0, rule.nesterov
    return _stepped(numbers, rule, params, grads, held, lr, step)


def adam(rule: Any, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array) -> Any:
    """Step with Adam or AdamW."""
    if rule.amsgrad:
        return NotImplemented
    share = 1.0 - rule.beta1
    numbers = rule.beta1, rule.beta2, share, share, rule.eps, False
    held = {"m": state["m"], "v": state["v"]}
    return _stepped(numbers, rule, params, grads, held, lr, step)


def _stepped(
    numbers: tuple[Any, ...],
    rule: Any,
    params: Arrays,
    grads: Arrays,
    state: State,
    lr: Array,
    step: Array,
) -> Any:
    """Return the new parameters and state.

    numbers: beta1 to nesterov in C; the order of the state is that of m and v there.
    """
    lr, step = _ordered(lr), _ordered(step)
    if not all(serves(x) and x.shape == () for x in (lr, step)):
        return NotImplemented
    new: list[Arrays] = [{} for _ in (params, *state)]
    tensors: list[Any] = []
    missing, size = [None] * (2 - len(state)), 0
    for path, p in params.items():
        arrays = [p, grads[path], *(held[path] for held in state.values())]
        if p.size == 0 or any(x.shape != p.shape or x.dtype != FLOAT32 for x in arrays):
            return NotImplemented
        for arrays_of in new:
            arrays_of[path] = np.empty(p.shape, FLOAT32)
        decay = rule.weight_decay * decays(rule, p.ndim)
        how = (0.0, decay) if rule.decoupled else (decay, 0.0)
        filled = [arrays_of[path] for arrays_of in new]
        tensors += [*map(_ordered, arrays), *missing, *filled, *missing, p.size, *how]
        size += p.size
    work = sharing(1 << 30, PASS * size)
    if _call(len(params))(lr, step, *numbers, len(params), *work, *tensors) is not None:
        return NotImplemented  # a step before the first
    return new[0], dict(zip(state, new[1:], strict=True))


def _ordered(x: Array) -> Array:
    return contiguous(np.asarray(x))  # what NumPy makes of 0-d arrays is no array
