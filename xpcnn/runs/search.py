"""The record of a search for hyperparameters: its trials, in trials.json in its folder."""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xpcnn.config.training_options import LOWER
from xpcnn.config.values import read_fields
from xpcnn.errors import CheckpointError, ConfigError, hint
from xpcnn.runs.record import json_table

TRIALS = "trials.json"


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    trial: number of the trial, from 0.
    state: "complete", "pruned", or "fail", also for interrupted trials.
    value: the figure that the search compares; for a pruned trial that of its last epoch.
    epochs: number of completed epochs.
    seconds: time of training.
    error: why the trial failed.
    values: the hyperparameters of the trial, by key.
    curve: the figure after each epoch; None if it was not finite.
    """

    trial: int
    state: str
    value: float | None
    epochs: int
    seconds: float | None
    error: str | None
    values: dict[str, Any]
    curve: tuple[float | None, ...]


@dataclass(frozen=True)
class Search:
    """A search for hyperparameters.

    metric: the figure that trials are compared by, one of `MONITORS`, "val_accuracy".
    ranges: the ranges of values, by key, as in the file.
    trials: the trials, in the order in which they began.
    """

    metric: str
    ranges: dict[str, Any]
    trials: tuple[Trial, ...]

    @property
    def ranked(self) -> list[Trial]:
        """The trials, complete ones first, and of equal states the better one."""
        sign = 1.0 if self.metric in LOWER else -1.0

        def rank(trial: Trial) -> tuple[bool, float]:
            value = math.inf if trial.value is None else sign * trial.value
            return trial.state != "complete", value

        return sorted(self.trials, key=rank)

    @property
    def best(self) -> Trial | None:
        """The best of the complete trials; None if there is none."""
        return next((trial for trial in self.ranked if trial.state == "complete"), None)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self)


def is_search(folder: str | Path) -> bool:
    """Whether a folder holds a search."""
    return os.path.isfile(Path(folder) / "tune.toml")


def read_search(folder: str | Path) -> Search:
    """Return the search of a folder.

    Raises:
        CheckpointError: its file of trials is missing or damaged.
    """
    path = Path(folder) / TRIALS
    if not path.is_file():
        message = f"{folder}: the search has no {TRIALS}"
        raise CheckpointError(hint(message, f"xpcnn tune {folder}, which writes it"))
    made: Mapping[Any, Any] = {
        Trial: lambda row, at: Trial(**read_fields(Trial, row, at, at, {})),
    }
    try:
        return Search(**read_fields(Search, json_table(path), "", TRIALS, made))
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error
