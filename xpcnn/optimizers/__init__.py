"""Optimizers: rules that turn parameters and gradients into new parameters.

`update(params, grads, state, lr, step) -> (params, state)` on flat dictionaries {path: array}, in
order of complexity: SGD, Adagrad, RMSprop, Adam. They write into no array, read none back, and use
array API functions only, and so run on any library. `weight_decay` (λ) shrinks every parameter;
with `decay_all=False` only those of rank 2 and more: not biases, norms and PReLU slopes.
Hyperparameters out of range are a `ConfigError` when the optimizer is made.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from xpcnn import options as _options
from xpcnn.habits import advised
from xpcnn.optimizers.adagrad import Adagrad
from xpcnn.optimizers.adam import Adam, AdamW
from xpcnn.optimizers.clip import clip_by_global_norm, clip_by_value
from xpcnn.optimizers.common import Optimizer, State
from xpcnn.optimizers.rmsprop import RMSprop
from xpcnn.optimizers.sgd import SGD

__all__ = [
    "BY_NAME",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "State",
    "clip_by_global_norm",
    "clip_by_value",
    "make",
]

BY_NAME: Mapping[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}

for _kind in (SGD, Adagrad, RMSprop, Adam, AdamW):
    advised(_kind)


def make(name: str, **options: Any) -> Optimizer:
    """Return the optimizer of that name, for the command line and files: `make("adam", lr=0.01)`.

    Raises:
        ConfigError: there is no such optimizer or option (the nearest is named), or a value is bad.
    """
    return _options.make("optimizer", BY_NAME, name, **options)
