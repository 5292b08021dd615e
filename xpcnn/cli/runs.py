"""Run folders: made for one run, never used again for another.

A folder holds config.toml (the whole run: `xpcnn train --config` repeats it), model.toml (the
network, which config.toml names), environment.json, metrics.jsonl (a line per epoch, as it ends,
and per validation in the middle of one), checkpoints/ and, in the end, model.safetensors.
"""

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from xpcnn.backend import Backend
from xpcnn.cli.output import to_json
from xpcnn.cli.settings import NETWORK, Settings
from xpcnn.environment import versions
from xpcnn.errors import CheckpointError, ConfigError, hint
from xpcnn.io import toml
from xpcnn.io.atomic import write_bytes
from xpcnn.io.models import load_model
from xpcnn.training import Callback, Epoch, History, Validation

CONFIG = "config.toml"
MODEL = "model.safetensors"
CHECKPOINTS = "checkpoints"


def new_run(out: str | None, model: str, dataset: str) -> Path:
    """Make the folder of a run: `out`, or runs/<UTC time>-<model>-<dataset>/.

    Raises:
        ConfigError: it cannot be made, or `out` is something else already.
    """
    try:
        if out is not None:
            folder = Path(out)
            if folder.is_file():
                raise ConfigError(hint(f"{folder} is a file", "--out with the name of a folder"))
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                message = f"{folder} is not empty, and a run never overwrites another"
                raise ConfigError(hint(message, "--out with a new name"))
            return folder
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{Path(model).stem}-{dataset}"
        folders = (Path("runs") / (name if n == 1 else f"{name}-{n}") for n in count(1))
        return next(folder for folder in folders if _made(folder))
    except OSError as error:
        message = f"the run folder {error.filename} cannot be made: {error.strerror or error}"
        raise ConfigError(hint(message, "--out with a folder that may be written")) from error


def old_run(folder: Path) -> Path:
    """Return the folder of a run that was started before.

    Raises:
        CheckpointError: it is none.
    """
    if not (folder / CONFIG).is_file():
        advice = "a folder that `xpcnn train` made, such as runs/..."
        if folder.is_file():
            what = "it is a file"
            if (folder.parent / CONFIG).is_file():
                advice = f"the folder {folder.parent}"
        else:
            what = f"it has no {CONFIG}" if folder.is_dir() else "there is no such folder"
        raise CheckpointError(hint(f"{folder} is not a run folder: {what}", advice))
    return folder


def _made(folder: Path) -> bool:
    """Make a folder; False if another run of the same second has made it."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def describe(folder: Path, backend: Backend, settings: Settings) -> None:
    """Write down what is run and on what: config.toml, model.toml, environment.json.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    environment = {**versions(), "backend": {"name": backend.name, **backend.describe()}}
    write_bytes(folder / CONFIG, toml.write(settings.config).encode())
    write_bytes(folder / NETWORK, settings.preset.source.encode())
    write_bytes(folder / "environment.json", f"{to_json(environment, indent=2)}\n".encode())


def finished(folder: Path) -> dict[str, float] | None:
    """Return the figures of the test of a run that came to its end; None of one that did not."""
    if not (folder / MODEL).is_file():
        return None
    metrics = load_model(folder / MODEL).provenance.get("metrics")
    test = metrics.get("test") if isinstance(metrics, dict) else None
    return test if isinstance(test, dict) else None


class Journal(Callback):
    """Keeps the epochs, and writes metrics.jsonl as they end."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics.jsonl"
        self.epochs: list[Epoch] = []

    def on_start(self, history: History, done: int, total: int) -> None:
        self.epochs = list(history.epochs)
        between = [record for record in history.validations if not record.ends_epoch]
        records: list[Epoch | Validation] = [*between, *history.epochs]
        past = sorted(records, key=lambda record: record.step)
        write_bytes(self.path, "".join(map(_line, past)).encode())

    def on_validation(self, record: Validation) -> None:
        if not record.ends_epoch:
            self._append(_line(record))

    def on_epoch_end(self, record: Epoch) -> None:
        self.epochs.append(record)
        self._append(_line(record))

    def _append(self, line: str) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            message = f"{self.path} cannot be written: {error.strerror or error}"
            raise CheckpointError(hint(message, "free some space, or another --out")) from error


def _line(record: Epoch | Validation) -> str:
    if isinstance(record, Validation):
        table = {"step": record.step, "val_loss": record.loss, "val_accuracy": record.accuracy}
        return f"{to_json(table)}\n"
    return f"{to_json(record.as_dict())}\n"
