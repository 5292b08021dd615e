"""What the optimizers share: their type, weight decay and the first state.

Functions, not behaviour to inherit: each optimizer's update reads from top to bottom in one place.
"""

from typing import Protocol, TypeAlias

from xpcnn.types import Array, namespace

Arrays: TypeAlias = dict[str, Array]
"""Arrays by dotted parameter path."""

State: TypeAlias = dict[str, Arrays]
"""An optimizer's memory: the name of a quantity, then the parameter path."""


class Optimizer(Protocol):
    """A rule that turns gradients into new parameters; it knows no network.

    `lr` is the base learning rate, which a schedule multiplies outside. `update` gets the result as
    a 0-d array, and `step`, counted from 1, as another, both of the parameters' dtype on their
    device: nothing in it waits for the device or writes into an array.
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
    """Biases, norms and PReLU slopes have rank 1 or less; `decay_all` includes them."""
    return decay.weight_decay > 0.0 and (decay.decay_all or p.ndim > 1)
