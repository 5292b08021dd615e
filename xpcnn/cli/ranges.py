"""The table [tune] of a TOML file: which values to search, and how.

    [tune]
    trials = 30
    metric = "val_accuracy"

    [tune.ranges]
    "training.optimizer.lr" = { low = 0.001, high = 0.5, log = true }
    "training.batch_size" = { values = [32, 64, 128] }
    "layers.0.filters" = { low = 8, high = 64, step = 8 }

Keys of ranges are those of `train --set`. Rejects unknown keys and ranges without numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from xpcnn.config.training_options import MONITORS
from xpcnn.errors import ConfigError, hint, nearest
from xpcnn.options import is_whole, shown, switch, whole

_EXAMPLE = '"training.optimizer.lr" = { low = 0.001, high = 0.5, log = true }'


@dataclass(frozen=True)
class Range:
    """Values of one key: those listed, or numbers from low to high, both included.

    log: whether they are drawn evenly in their logarithm; step: their distance from low on.
    Whole numbers where low and high are.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    values: tuple[Any, ...] = ()

    @property
    def is_whole(self) -> bool:
        return is_whole(self.low) and is_whole(self.high)


@dataclass(frozen=True)
class Tune:
    """A search: its ranges by key, how many trials, the figure that decides, and its seed."""

    ranges: Mapping[str, Range]
    trials: int = 20
    metric: str = "val_accuracy"
    seed: int = 0


def read_tune(table: Any) -> Tune:
    """Return what a table [tune] says.

    Raises:
        ConfigError: a key is unknown, or a value is not valid.
    """
    if not isinstance(table, dict) or not table.get("ranges"):
        raise ConfigError(hint("there is no table [tune.ranges] to search", _EXAMPLE))
    _check_keys("tune", table, Tune)
    if not isinstance(table["ranges"], dict):
        raise ConfigError(hint("tune.ranges is not a table", _EXAMPLE))
    metric = table.get("metric", Tune.metric)
    if metric not in MONITORS:
        message = f"tune.metric is {shown(metric)}, expected a figure of the validation"
        raise ConfigError(hint(message, nearest(str(metric), MONITORS)))
    return Tune(
        {key: _range(key, value) for key, value in table["ranges"].items()},
        whole("tune", "trials", table.get("trials", Tune.trials), 1, "trials = 20"),
        metric,
        whole("tune", "seed", table.get("seed", Tune.seed), 0, "seed = 0"),
    )


def _range(key: str, table: Any) -> Range:
    where = f"tune.ranges.{key}"
    if not isinstance(table, dict):
        message = f"{where} is {shown(table)}, expected a table of low and high, or of values"
        raise ConfigError(hint(message, _EXAMPLE))
    _check_keys(where, table, Range)
    if "values" in table:
        values = table["values"]
        if len(table) > 1 or not isinstance(values, list) or len(values) < 2:
            message = f"{where}: values must be a list of two or more, and no other key"
            raise ConfigError(hint(message, f'"{key}" = {{ values = [32, 64] }}'))
        if not all(isinstance(value, str | int | float) for value in values):
            message = f"{where}: values must be texts, numbers, true or false"
            raise ConfigError(hint(message, f'"{key}" = {{ values = [32, 64] }}'))
        return Range(values=tuple(values))
    low: Any = table.get("low")
    high: Any = table.get("high")
    step = table.get("step")
    log = switch(where, "log", table.get("log", False), "log = true")
    if not _is_number(low) or not _is_number(high) or not low < high:
        message = f"{where}: low and high must be numbers, the lower first"
        raise ConfigError(hint(message, _EXAMPLE))
    if step is not None and (log or not _is_number(step) or step <= 0):
        message = f"{where}: step must be a number above 0, and cannot be combined with log"
        raise ConfigError(hint(message, f'"{key}" = {{ low = 8, high = 64, step = 8 }}'))
    if log and low <= 0:
        message = f"{where}: low is {low}, and log needs numbers above 0"
        raise ConfigError(hint(message, _EXAMPLE))
    return Range(low, high, log, step)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_keys(where: str, table: Mapping[str, Any], form: type) -> None:
    valid = [field.name for field in fields(form)]
    for key in table:
        if key not in valid:
            raise ConfigError(hint(f"{where} has no key {key!r}", nearest(key, valid)))
