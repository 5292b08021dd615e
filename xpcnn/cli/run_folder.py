"""Run folders: made for one run, never used again for another.

A folder holds .lock, whose lock the run has from before its first file to its end; config.toml (the
whole run: `xpcnn train --config` repeats it); model.toml (the network, which config.toml names);
init.safetensors, if the run started from the weights of another; environment.json; metrics.jsonl (a
line per epoch, as it ends, and per validation in the middle of one); checkpoints/; and, in the end,
model.safetensors.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from xpcnn.backend import Backend
from xpcnn.cli.output import say, to_json
from xpcnn.cli.settings import INIT, Settings
from xpcnn.data.files import shown
from xpcnn.environment import versions
from xpcnn.errors import CheckpointError, ConfigError, hint
from xpcnn.io import lock, toml
from xpcnn.io.atomic import write_bytes
from xpcnn.io.lock import locked
from xpcnn.model_files import load_model
from xpcnn.runs.record import CONFIG, ENVIRONMENT, METRICS, MODEL, NETWORK
from xpcnn.training import Callback, Epoch, History, Validation

CHECKPOINTS = "checkpoints"


@contextmanager
def new_run(out: str | None, model: str, dataset: str) -> Iterator[Path]:
    """Make the folder of a run and lock it: `out`, or runs/<UTC time>-<model>-<dataset>/.

    Raises:
        ConfigError: the folder cannot be made, another process works on it, or `out` is something
            else already.
    """
    try:
        folder = _unused(model, dataset) if out is None else _empty(Path(out))
    except ConfigError:
        raise
    except (OSError, ValueError) as error:  # ValueError: an impossible path
        name = shown(getattr(error, "filename", None) or out or "runs")
        reason = getattr(error, "strerror", None) or error
        message = f"the run folder {name} cannot be made: {reason}"
        raise ConfigError(hint(message, "--out with a folder that may be written")) from error
    with locked_run(folder):
        _check_empty(folder)  # again: now no other run can come between
        yield folder


@contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """Keep the folder of a run to this process; see `io.lock`."""
    with locked(folder) as there:
        if not there:
            say(f"note: the file system of {folder} has no locks: start no second run in it")
        yield


def _empty(folder: Path) -> Path:
    """Return a folder, made if need be, in which there is nothing yet."""
    if os.path.isfile(folder):
        raise ConfigError(hint(f"{folder} is a file", "--out with the name of a folder"))
    folder.mkdir(parents=True, exist_ok=True)
    _check_empty(folder)
    return folder


def _check_empty(folder: Path) -> None:
    """Require that there is nothing in a folder but the file of its lock."""
    if any(path.name != lock.NAME for path in folder.iterdir()):
        message = f"{folder} is not empty, and a run never overwrites another"
        raise ConfigError(hint(message, "--out with a new name"))


def _unused(model: str, dataset: str) -> Path:
    """Make a folder in runs/ that is not there yet."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{Path(model).stem}-{dataset}"
    folders = (Path("runs") / (name if n == 1 else f"{name}-{n}") for n in count(1))
    return next(folder for folder in folders if _made(folder))


def _made(folder: Path) -> bool:
    """Make a folder; False if another run of the same second has made it."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def describe(folder: Path, backend: Backend, settings: Settings, init: Path | None) -> None:
    """Write down what is run and on what: config.toml, model.toml, environment.json.

    init: the model file whose weights the run starts from; copied, so that the folder has all.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    environment = {**versions(), "backend": {"name": backend.name, **backend.describe()}}
    write_bytes(folder / NETWORK, settings.preset.source.encode())
    write_bytes(folder / ENVIRONMENT, f"{to_json(environment, indent=2)}\n".encode())
    if init is not None:
        write_bytes(folder / INIT, init.read_bytes())
    # last: it makes the folder that of a run
    write_bytes(folder / CONFIG, toml.write(settings.config).encode())


class Outcome(NamedTuple):
    """How a run ended: the figures of its test, the note that says why it stopped, if early, and
    the table of the config.toml that it was run with.
    """

    test: dict[str, float]
    stopped: str | None
    config: dict[str, Any]


def outcome(folder: Path) -> Outcome | None:
    """Return how a run came to its end; None of one that did not, or whose model is damaged."""
    if not (folder / MODEL).is_file():
        return None
    try:
        provenance = load_model(folder / MODEL).provenance
    except CheckpointError as error:
        say(f"note: {str(error).partition(chr(10))[0]}; it will be written anew")
        return None
    metrics, config = provenance.get("metrics"), provenance.get("config")
    if not isinstance(metrics, dict) or not isinstance(metrics.get("test"), dict):
        return None
    return Outcome(metrics["test"], metrics.get("stopped"), config or {})


class Rewritten(Callback):
    """Brings config.toml up to date once it is certain that a resumed run continues."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.path, self.config = folder / CONFIG, settings.config

    def on_start(self, history: History, done: int, total: int) -> None:
        if toml.parse(toml.read(self.path)) != self.config:
            write_bytes(self.path, toml.write(self.config).encode())


class Journal(Callback):
    """Keeps the history, and writes metrics.jsonl as it grows.

    begun: whether training has, in this process. A line that cannot be written is said and written
    later: a full disk breaks off no run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / METRICS
        self.begun = False
        self.history = History()
        self._written = 0  # lines

    @property
    def epochs(self) -> list[Epoch]:
        """The epochs that have ended."""
        return self.history.epochs

    def on_start(self, history: History, done: int, total: int) -> None:
        self.begun, self.history = True, history
        write_bytes(self.path, b"")
        self._write()

    def on_validation(self, record: Validation) -> None:
        if not record.ends_epoch:
            self._write()

    def on_epoch_end(self, record: Epoch) -> None:
        self._write()

    def _write(self) -> None:
        """Add the lines that are missing."""
        between = [record for record in self.history.validations if not record.ends_epoch]
        records: list[Epoch | Validation] = [*between, *self.history.epochs]
        lines = list(map(_line, sorted(records, key=lambda record: record.step)))
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(lines[self._written :]))
        except OSError as error:
            say(f"note: {self.path} cannot be written: {error.strerror or error}")
        else:
            self._written = len(lines)


def _line(record: Epoch | Validation) -> str:
    if isinstance(record, Validation):
        table = {"step": record.step, "val_loss": record.loss, "val_accuracy": record.accuracy}
        return f"{to_json(table)}\n"
    return f"{to_json(record.as_dict())}\n"
