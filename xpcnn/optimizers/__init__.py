"""Optimizers: rules that turn parameters and gradients into new parameters.

`update(params, grads, state, lr, step) -> (params, state)` on flat dictionaries {path: array}, in
order of complexity: SGD, Adagrad, RMSprop, Adam. They write into no array, wait for no device and
use array API functions only, so they run on any library. In the formulas p is a parameter, g its
gradient and ← assigns. A hyperparameter out of range is a `ConfigError` when the optimizer is made.
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
    """Return the optimizer called `name`: `make("adam", lr=0.01)`.

    name: a key of `BY_NAME`; "momentum" and "nesterov" are SGD with momentum 0.9.
    options: the hyperparameters of its class.

    Raises:
        ConfigError: an unknown name or option (the closest valid one is suggested), or a value that
            is not valid.
    """
    return _options.make("optimizer", BY_NAME, name, **options)
