"""Run folders: made for one run, never used again for another. And the way from one to its model.

A folder holds config.json, environment.json, metrics.jsonl (a line per epoch, as it ends) and
model.safetensors.
"""

import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from xpcnn.errors import CheckpointError, ConfigError, hint
from xpcnn.io.atomic import write_bytes
from xpcnn.training import Callback, Epoch

MODEL = "model.safetensors"


def new_run(out: str | None, model: str, dataset: str) -> Path:
    """Make the folder of a run: `out`, or runs/<UTC time>-<model>-<dataset>/.

    Raises:
        ConfigError: it cannot be made, or `out` is something else already.
    """
    try:
        if out is not None:
            folder = Path(out)
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                message = f"{folder} is not empty, and a run never overwrites another"
                raise ConfigError(hint(message, "--out with a new name"))
            return folder
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{Path(model).stem}-{dataset}"
        for number in count(1):  # two runs of one second
            folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
            if not folder.exists():
                break
        folder.mkdir(parents=True)
        return folder
    except OSError as error:
        message = f"the run folder cannot be made: {error}"
        raise ConfigError(hint(message, "--out with a folder that may be written")) from error


def write_json(path: Path, table: dict[str, Any]) -> None:
    """Write a table of plain values; raises CheckpointError where that fails."""
    write_bytes(path, (json.dumps(table, indent=2) + "\n").encode())


class Journal(Callback):
    """Adds each epoch to metrics.jsonl as it ends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics.jsonl"
        self._append("")

    def on_epoch_end(self, record: Epoch) -> None:
        self._append(json.dumps(record.as_dict()) + "\n")

    def _append(self, line: str) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            message = f"{self.path} cannot be written: {error.strerror or error}"
            raise CheckpointError(hint(message, "free some space, or another --out")) from error


def is_saved_model(name: str) -> bool:
    """Tell whether a name on the command line means a model file or a run folder."""
    return Path(name).is_dir() or name.endswith(".safetensors")


def model_path(name: str) -> Path:
    """Return the model file that a run folder or a path means.

    Raises:
        CheckpointError: there is none.
    """
    path = Path(name)
    if path.is_dir():
        if not (path / MODEL).is_file():
            message = f"{path} is not a run folder: it has no {MODEL}"
            raise CheckpointError(hint(message, "a folder that `xpcnn train` has made"))
        return path / MODEL
    if not path.exists():
        message = f"{path}: there is no such model file or run folder"
        raise CheckpointError(hint(message, "the run folder that `xpcnn train` named at its end"))
    return path
