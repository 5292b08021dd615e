"""Which run a checkpoint belongs to: everything that decides its results, in words."""

import re

from xpcnn.network import Network
from xpcnn.training.options import TrainingOptions
from xpcnn.version import VERSION

_MAY_CHANGE = ("max_seconds",)
"""Options that may change when a run is resumed."""

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
"""The memory address in a repr, such as that of a lambda: removed, so that runs can be compared."""


def identity_of(network: Network, options: TrainingOptions, seed: int, data: str) -> dict[str, str]:
    """Return what a run is, by name; data: what the samples are, such as their hash."""
    return {
        "seed": str(seed),
        "data": data,
        "mean": str(network.mean),
        "std": str(network.std),
        "dtype": network.dtype,
        "layers": _shown(network.layers),
        "loss": _shown(network.loss),
        **{name: _shown(value) for name, value in vars(options).items() if name not in _MAY_CHANGE},
    }


def incomparable(options: TrainingOptions) -> list[str]:
    """Return the names of the options that do not say in words what they are, such as a lambda."""
    return [name for name, value in vars(options).items() if _ADDRESS.search(repr(value))]


def environment(network: Network) -> dict[str, str]:
    """Return what the last bits of results may depend on: version, backend and its facts."""
    backend = network.backend
    return {"xpcnn": VERSION, "backend": backend.name, **backend.describe()}


def differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return in words how an environment has changed."""
    return [
        f"{name} was {then.get(name)} and is now {now.get(name)}: the last bits may differ"
        for name in sorted({*then, *now})
        if str(then.get(name)) != str(now.get(name))
    ]


def _shown(value: object) -> str:
    """Return an option in words that are the same in every process."""
    return _ADDRESS.sub("", repr(value))
