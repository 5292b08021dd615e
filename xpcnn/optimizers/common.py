"""What optimizers share: their type, weight decay and the first state.

Functions, not a base class: each optimizer's update reads from top to bottom in one place.
"""

from typing import Protocol, TypeAlias

from xpcnn.types import Array, namespace

Arrays: TypeAlias = dict[str, Array]
"""Arrays by dotted parameter path."""

State: TypeAlias = dict[str, Arrays]
"""What an optimizer keeps between steps: arrays by name of a quantity, then parameter path."""


class Optimizer(Protocol):
    """A rule that turns gradients into new parameters, without knowing the network.

    The field `lr` is the base learning rate, which a schedule multiplies outside the optimizer.
    `update` takes the current learning rate and `step`, counted from 1, as 0-d arrays of the
    parameters' dtype on their device. It waits for no device and writes into no array.
    """

    @property
    def lr(self) -> float: ...

    def init(self, params: Arrays) -> State: ...

    def update(
        self, params: Arrays, grads: Arrays, state: State, lr: Array, step: Array
    ) -> tuple[Arrays, State]: ...


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


def trust_ratio(length: Array, slope: Array, divisor: Array) -> Array:
    """Return length / divisor, or 1 where the length or the slope is 0: 0-d."""
    xp = namespace(length)
    is_plain = (length == 0.0) | (slope == 0.0)
    one = xp.ones_like(length)
    return xp.where(is_plain, one, length / xp.where(is_plain, one, divisor))
