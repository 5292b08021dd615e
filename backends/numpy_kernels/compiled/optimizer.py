"""Steps of SGD and Adam in C (optimizer.c): float32, all parameters in one call.

A kernel runs in place of the `update` of an optimizer, whose fields it reads, and returns new
arrays too. It does not serve AMSGrad.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...optimizer_arrays import POINTERS, decays, pack
from ...types import Arrays, State
from ..layout import Array
from ..threads import sharing
from .pointwise import PASS
from .shared_library import Call, address, aligned, serves

Shapes = tuple[tuple[int, ...], ...]

TENSOR = np.dtype(
    [*((name, np.uintp) for name in POINTERS), ("size", "l"), ("l2", "f8"), ("keep", "f8")]
)
SGD = Call("sgd", "pl fff l ll")
ADAM = Call("adam", "pl fffffff ll")


def sgd(rule: Any, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array) -> Any:
    """Step with SGD, with or without momentum."""
    if not _plain(lr, step):
        return NotImplemented
    share = 1.0 - rule.dampening * (step > 1.0)
    held = {"velocity": state["velocity"]} if rule.momentum else {}
    numbers = float(lr), rule.momentum, share, rule.nesterov
    return _stepped(SGD, rule, params, grads, held, lr, numbers)


def adam(rule: Any, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array) -> Any:
    """Step with Adam or AdamW."""
    if rule.amsgrad or not _plain(lr, step):
        return NotImplemented
    first, second = (
        -math.expm1(float(step) * math.log(beta)) if beta > 0.0 else 1.0
        for beta in (rule.beta1, rule.beta2)
    )
    betas = rule.beta1, 1 - rule.beta1, rule.beta2, 1 - rule.beta2
    numbers = float(lr) / first, math.sqrt(second), *betas, rule.eps
    held = {"m": state["m"], "v": state["v"]}
    return _stepped(ADAM, rule, params, grads, held, lr, numbers)


def _stepped(
    call: Call,
    rule: Any,
    params: Arrays,
    grads: Arrays,
    state: State,
    lr: Array,
    numbers: tuple[Any, ...],
) -> Any:
    """Return the new parameters and state; the state's order is that of the kernel's m and v."""
    shapes = tuple(p.shape for p in params.values())
    for held in (params, grads, *state.values()):
        arrays = [held[path] for path in params]
        if not all(map(serves, arrays)) or tuple(x.shape for x in arrays) != shapes:
            return NotImplemented
    packed = pack(params, grads, state, _ordered, np.empty_like)
    rows, decay, size = _rows(rule, shapes)
    tensors = rows.copy()
    packed.write_addresses(tensors, list(params), address)
    if rule.decoupled:
        tensors["keep"] -= float(lr) * decay
    call(tensors, len(params), *numbers, *sharing(1 << 30, PASS * size))
    return packed.result(state)


@lru_cache(maxsize=64)
def _rows(rule: Any, shapes: Shapes) -> tuple[Array, Array, int]:
    """Return rows for parameters, without addresses, the weight decay of each, and all numbers."""
    rows = np.zeros(len(shapes), TENSOR)
    decay = np.array([rule.weight_decay * decays(rule, len(shape)) for shape in shapes])
    rows["size"] = [math.prod(shape) for shape in shapes]
    rows["l2"] = 0.0 if rule.decoupled else decay
    rows["keep"] = 1.0
    return rows, decay, int(rows["size"].sum())


def _ordered(x: Array) -> Array:
    return x if x.flags.carray else aligned(np.asarray(x, order="C"))


def _plain(lr: Array, step: Array) -> bool:
    """Whether lr and step are single float32 numbers, and step is at least 1, as in training."""
    return all(x.shape == () and x.dtype == np.float32 for x in (lr, step)) and bool(step >= 1)
