"""What optimizers share: their type, weight decay and the first state.

Functions, not a base class: each optimizer's update reads from top to bottom in one place.
"""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from xpcnn.options import FRACTION, NON_NEGATIVE, POSITIVE, Range
from xpcnn.types import Array, namespace

Arrays: TypeAlias = dict[str, Array]
"""Arrays by dotted parameter path."""

State: TypeAlias = dict[str, Arrays]
"""What an optimizer keeps between steps: arrays by name of a quantity, then parameter path."""

RANGES: Mapping[str, Range] = {
    "lr": NON_NEGATIVE,
    "lr_decay": NON_NEGATIVE,
    "momentum": FRACTION,
    "momentum_decay": NON_NEGATIVE,
    "dampening": FRACTION,
    "beta1": FRACTION,
    "beta2": FRACTION,
    "alpha": FRACTION,
    "eps": NON_NEGATIVE,
    "trust": POSITIVE,
    "initial_accumulator_value": NON_NEGATIVE,
    "weight_decay": NON_NEGATIVE,
}
"""Allowed values of hyperparameters by name, as `xpcnn.options.check` takes them."""


class Optimizer(Protocol):
    """A rule that turns gradients into new parameters, without knowing the network."""

    @property
    def lr(self) -> float:
        """The base learning rate, which a schedule multiplies outside the optimizer."""
        ...

    def init(self, params: Arrays) -> State:
        """Return the state before the first step.

        params: parameters by dotted path, arrays of one floating dtype on one device.
        """
        ...

    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]:
        """Return the parameters and the state after a step, without waiting for the device.

        params, grads: parameters and their gradients by path, of equal shapes and dtypes.
        state: what `init` or the step before returned.
        lr: current learning rate, a 0-d array of the parameters' dtype on their device.
        step: number of the step, from 1, a 0-d array likewise.

        Arrays may be written only by a kernel that runs in place of this method; those of NumPy
        are read-only for an optimizer that is not one of xpcnn.
        """
        ...


class Decaying(Protocol):
    """The fields of weight decay."""

    @property
    def weight_decay(self) -> float: ...

    @property
    def decay_all(self) -> bool: ...


def zeros(params: Arrays) -> Arrays:
    """Return a zero array like each parameter."""
    return {path: namespace(p).zeros_like(p) for path, p in params.items()}


def add_l2(decay: Decaying, p: Array, g: Array) -> Array:
    """Return g + λp, the gradient of the loss with (λ/2)·|p|² added; λ is `weight_decay`."""
    return g + decay.weight_decay * p if _decays(decay, p) else g


def shrink(decay: Decaying, p: Array, lr: Array) -> Array:
    """Return (1 - lr·λ)·p, decay decoupled from the gradient (Loshchilov and Hutter, 2019)."""
    return (1.0 - lr * decay.weight_decay) * p if _decays(decay, p) else p


def _decays(decay: Decaying, p: Array) -> bool:
    """Whether p decays: biases, norms and PReLU slopes, of rank 1 or less, only if `decay_all`."""
    return decay.weight_decay > 0.0 and (decay.decay_all or p.ndim > 1)


def norm(x: Array) -> Array:
    """Return the Euclidean norm of all numbers of an array: 0-d."""
    xp = namespace(x)
    return xp.sqrt(xp.sum(x * x))


def trust_ratio(p_norm: Array, step_norm: Array, divisor: Array) -> Array:
    """Return p_norm / divisor, or 1 where one of the norms is 0: 0-d."""
    xp = namespace(p_norm)
    is_plain = (p_norm == 0.0) | (step_norm == 0.0)
    one = xp.ones_like(p_norm)
    return xp.where(is_plain, one, p_norm / xp.where(is_plain, one, divisor))
