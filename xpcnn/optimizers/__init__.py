"""Optimizers: rules that turn parameters and gradients into new parameters.

`update(params, grads, state, lr, step) -> (params, state)` on flat dictionaries {path: array}, in
order of complexity: SGD, Adagrad, RMSprop, Adam; Adam's relatives NAdam, RAdam, Lion; for large
batches LARS, LAMB; Muon. They write into no array, wait for no device and use array API functions
only, so they run on any library. In the formulas p is a parameter, g its
gradient and ← assigns. The constructor raises a `ConfigError` for a hyperparameter out of range.
`make("adam", lr=0.01)` makes one by its name; "momentum" and "nesterov" are SGD with momentum 0.9.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from xpcnn.argument_advice import advised
from xpcnn.imported_names import missing_name
from xpcnn.optimizers.adagrad import Adagrad
from xpcnn.optimizers.adam import Adam, AdamW
from xpcnn.optimizers.clip import clip_by_global_norm, clip_by_value
from xpcnn.optimizers.common import Optimizer, State
from xpcnn.optimizers.lamb import LAMB
from xpcnn.optimizers.lars import LARS
from xpcnn.optimizers.lion import Lion
from xpcnn.optimizers.muon import Muon
from xpcnn.optimizers.nadam import NAdam
from xpcnn.optimizers.radam import RAdam
from xpcnn.optimizers.rmsprop import RMSprop
from xpcnn.optimizers.sgd import SGD
from xpcnn.options import maker

__all__ = [
    "BY_NAME",
    "LAMB",
    "LARS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
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
    "nadam": NAdam,
    "radam": RAdam,
    "lion": Lion,
    "lars": LARS,
    "lamb": LAMB,
    "muon": Muon,
}

for _kind in BY_NAME.values():
    if isinstance(_kind, type):
        advised(_kind)

make = maker("optimizer", BY_NAME)

if not TYPE_CHECKING:  # to type checkers, unknown names are unknown

    def __getattr__(name: str) -> NoReturn:
        """Say which name stands for one of another library."""
        raise missing_name(__name__, name, __all__)
