"""Which run a checkpoint belongs to: everything that decides its results, in words."""

import re
from collections.abc import Mapping
from typing import Any

from xpcnn.config.training_options import TrainingOptions
from xpcnn.network import Network
from xpcnn.tasks import Classification
from xpcnn.version import VERSION

_MAY_CHANGE = ("max_seconds", "metrics")
"""Options that may change when a run is resumed."""

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
"""The memory address in a repr, such as that of a lambda: removed, so that runs can be compared."""


def identity_of(
    network: Network, options: TrainingOptions, seed: int, data: Mapping[str, tuple[str, int]]
) -> dict[str, str]:
    """Return what a run is, by name.

    data: hash and number of samples of each part of the data, by its name.
    """
    return {
        "seed": str(seed),
        "data": " ".join(digest for digest, _ in data.values()),
        "samples": ", ".join(f"{name} {count}" for name, (_, count) in data.items()),
        "mean": str(network.mean),
        "std": str(network.std),
        "dtype": network.compute_dtype,
        "layers": _shown(network.layers),
        "loss": _shown(network.loss),
        **({} if network.task == Classification() else {"task": _shown(network.task)}),
        **{name: _shown(value) for name, value in vars(options).items() if name not in _MAY_CHANGE},
    }


def with_defaults(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run is, with the default of each option that its version did not have."""
    options = {name: _shown(value) for name, value in vars(TrainingOptions()).items()}
    return {**{name: x for name, x in options.items() if name not in _MAY_CHANGE}, **run}


def incomparable(options: TrainingOptions) -> list[str]:
    """Return the names of the options that do not say in words what they are, such as a lambda."""
    return [
        name
        for name, value in vars(options).items()
        if name not in _MAY_CHANGE and _ADDRESS.search(repr(value))
    ]


def environment(network: Network) -> dict[str, str]:
    """Return what the last bits of results may depend on: version, backend and its facts."""
    backend = network.backend
    facts = backend.describe_for(network.compute_dtype)
    return {"xpcnn": VERSION, "backend": backend.name, **facts}


_LAST_BITS = "the last bits may differ"
_EFFECT = {"tf32": "products are rounded otherwise, and results may differ"}


def differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return in words how an environment has changed."""
    then, now = ({"tf32": "off"} | facts for facts in (then, now))  # most devices have none
    return [
        f"{name} was {then.get(name)} and is now {now.get(name)}: {_EFFECT.get(name, _LAST_BITS)}"
        for name in sorted({*then, *now})
        if str(then.get(name)) != str(now.get(name))
    ]


def changed_data(now: Mapping[str, str], then: Mapping[str, Any]) -> str:
    """Return which parts of the data have changed, with their numbers of samples now and then."""
    new, old, changes = _parts(now), _parts(then), []
    for name in dict.fromkeys([*new, *old]):
        (digest, is_now), (before, was) = (run.get(name, ("", "none")) for run in (new, old))
        if digest != before:
            numbers = f"{is_now} now, {was} then"
            if is_now == was:
                numbers = f"{is_now}, other ones or in another order"
            changes.append(f"the {name} changed ({numbers})")
    return "; ".join(changes)


def _parts(run: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the hash of each part of the data, and its number of samples in words, by its name."""
    hashes = str(run.get("data", "")).split()
    if "samples" not in run:  # a checkpoint of before they were counted
        names = ["training data", "validation data"]
        return {x: (digest, "unknown") for x, digest in zip(names, hashes, strict=False)}
    parts = [part.rpartition(" ") for part in str(run["samples"]).split(", ")]
    return {
        name: (digest, f"{count} samples")
        for (name, _, count), digest in zip(parts, hashes, strict=False)
    }


def _shown(value: object) -> str:
    """Return an option in words that are the same in every process."""
    return _ADDRESS.sub("", repr(value))
