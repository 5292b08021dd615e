"""What optimizers share: their type, weight decay and the first state.

Functions, not a base class: each optimizer's update reads from top to bottom in one place.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from xpcnn.errors import ConfigError, hint
from xpcnn.options import FRACTION, NON_NEGATIVE, POSITIVE, Range
from xpcnn.types import Array, device, namespace

F = TypeVar("F", bound=Callable[..., Any])

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


class MaybeDecoupled(Decaying, Protocol):
    """Those fields, and whether the decay is decoupled from the gradient."""

    @property
    def decoupled(self) -> bool: ...


def by_hand(update: F) -> F:
    """Decorate an `update` so that a training loop of one's own can call it with Python numbers.

    lr and step become 0-d arrays of the parameters' dtype on their device.

    Raises:
        ConfigError: parameters or gradients are nested dictionaries.
    """

    @wraps(update)
    def run(self: Any, params: Arrays, grads: Arrays, state: State, lr: Any, step: Any) -> Any:
        check_flat("params", params)
        check_flat("grads", grads)
        p = next(iter(params.values()), None)
        if p is not None:
            lr, step = _like(p, lr), _like(p, step)
        return update(self, params, grads, state, lr, step)

    return cast(F, run)


def _like(p: Array, number: Any) -> Array:
    """Return a number, or a 0-d array, as one of the dtype of p on its device."""
    if type(number).__module__ == "numpy" and type(number) is not type(p):
        number = number.item()
    elif hasattr(number, "dtype") and number.dtype == p.dtype:  # NumPy's float64 equals None
        return number
    return namespace(p).asarray(number, dtype=p.dtype, device=device(p))


def check_flat(name: str, arrays: Arrays) -> None:
    """Require arrays by path, not the nested dictionaries of a network.

    Raises:
        ConfigError: the first value is a dictionary.
    """
    path, first = next(iter(arrays.items()), ("", None))
    if isinstance(first, dict):
        message = f"{name}[{path!r}] is a dictionary, expected arrays by dotted path"
        advice = f"flatten({name}) of xpcnn.types; unflatten_like({name}, new) nests them again"
        raise ConfigError(hint(message, advice))


def zeros(params: Arrays) -> Arrays:
    """Return a zero array like each parameter."""
    check_flat("params", params)
    return {path: namespace(p).zeros_like(p) for path, p in params.items()}


def decayed(decay: MaybeDecoupled, p: Array, g: Array, lr: Array) -> tuple[Array, Array]:
    """Return p and g, one of them with weight decay: p if it is decoupled, else g."""
    return (shrink(decay, p, lr), g) if decay.decoupled else (p, add_l2(decay, p, g))


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
