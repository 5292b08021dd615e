"""The metadata of a checkpoint: which run it belongs to, and how far that run has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from xpcnn.config.values import read_fields
from xpcnn.errors import CheckpointError, ConfigError, hint
from xpcnn.io.tensor_file import Tensors
from xpcnn.training.history import Epoch, History, Validation
from xpcnn.training.run_identity import changed_data, with_defaults

_MOST_DIGITS = 18

_MAY_CHANGE = ("epochs", "max_steps", "samples")
"""What of a run is not compared when it is resumed: `training.extension` handles its length, and
the numbers of samples belong to the data.
"""


class Found(NamedTuple):
    """A checkpoint as read; epochs, max_steps: the length that the run was to have."""

    tensors: Tensors
    epochs: int
    max_steps: int | None
    passes: int
    seconds: float
    history: History
    environment: dict[str, str]
    best: bool
    notes: list[str]


def metadata(
    run: Mapping[str, str],
    passes: int,
    seconds: float,
    history: History,
    environment: Mapping[str, str],
    best: bool,
) -> dict[str, Any]:
    """Return the metadata of a checkpoint."""
    return {
        "run": dict(run),
        "passes": passes,
        "seconds": seconds,
        "epochs": [vars(epoch) for epoch in history.epochs],
        "validations": [vars(validation) for validation in history.validations],
        "notes": history.notes,
        "environment": dict(environment),
        "best": best,
    }


@dataclass(frozen=True)
class _Metadata:
    """The fields of a checkpoint's metadata, as read."""

    run: dict[str, Any]
    passes: int
    seconds: float
    epochs: tuple[Epoch, ...]
    validations: tuple[Validation, ...]
    notes: tuple[str, ...]
    environment: dict[str, Any]
    best: bool


def found_in(path: Path, tensors: Tensors, table: dict[str, Any], problems: list[str]) -> Found:
    """Return what a file holds; problems: of newer files, none of which can be read.

    Raises:
        CheckpointError: the metadata are not those of a checkpoint.
    """
    made: dict[Any, Any] = {
        kind: lambda row, at, kind=kind: kind(**read_fields(kind, row, at, at, {}))
        for kind in (Epoch, Validation)
    }
    try:
        past = _Metadata(**read_fields(_Metadata, table, "", "the checkpoint", made))
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from error
    history = History(list(past.epochs), list(past.validations), list(past.notes))
    notes = [f"{problem}; went back to {path.name}" for problem in problems]
    epochs, most = str(past.run.get("epochs")), str(past.run.get("max_steps"))
    if not _is_count(epochs) or not (most == "None" or _is_count(most)):
        message = f"{path}: the checkpoint does not say the number of epochs"
        raise CheckpointError(hint(message, "the checkpoint before"))
    return Found(
        tensors,
        int(epochs),
        None if most == "None" else int(most),
        past.passes,
        past.seconds,
        history,
        past.environment,
        past.best,
        notes,
    )


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def check_run(now: Mapping[str, str], then: Any) -> None:
    """Require the run that the checkpoint was written by.

    Raises:
        ConfigError: it is another one; says in what.
    """
    then = then if isinstance(then, dict) else {}
    before = with_defaults(then)
    for name in sorted({*now, *then} - {*_MAY_CHANGE}):
        if now.get(name) != before.get(name):
            what = f"{name} is {now.get(name)}, and was {before.get(name)}"
            if name == "data":
                what = changed_data(now, then)
            message = f"the checkpoint belongs to another run: {what}"
            raise ConfigError(hint(message, "the options of that run, or another folder"))
