"""What a run writes into its folder, beside checkpoints and the model, and how it ended."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from xpcnn.backend import dtypes
from xpcnn.cli.output import say, to_json
from xpcnn.cli.run_folder import INIT
from xpcnn.cli.run_plan import Plan
from xpcnn.config import toml
from xpcnn.environment import versions
from xpcnn.errors import CheckpointError
from xpcnn.io.atomic import require_space, write_bytes
from xpcnn.model import Model
from xpcnn.model_loading import load_to_read
from xpcnn.network import Network
from xpcnn.ops.checks import dtype_name
from xpcnn.runs.record import CONFIG, ENVIRONMENT, METRICS, MODEL, NETWORK
from xpcnn.training import Callback, Epoch, History, Validation
from xpcnn.types import flatten


def describe(folder: Path, plan: Plan, processes: int) -> None:
    """Write the description of a run: config.toml, model.toml, environment.json.

    processes: number of those that train together.

    The model file whose weights the run starts from is copied, so that the folder has all.

    Raises:
        CheckpointError: the folder cannot be written, or has no space for the model of the end.
    """
    require_space(folder / MODEL, _smallest(plan.model))
    write_bytes(folder / NETWORK, plan.settings.preset.source.encode())
    write_environment(folder, plan.model.network, processes)
    if plan.init is not None:
        write_bytes(folder / INIT, plan.init.read_bytes())
    # last: it makes the folder that of a run
    write_bytes(folder / CONFIG, toml.write(plan.config).encode())


def _smallest(model: Model) -> int:
    """Return how many bytes a model file has at least: those of its arrays."""
    arrays = [*flatten(model.params).values(), *flatten(model.buffers).values()]
    return sum(math.prod(x.shape) * numpy.dtype(dtype_name(x)).itemsize for x in arrays)


def write_environment(folder: Path, network: Network, processes: int) -> None:
    """Write environment.json, with the methods that the backend has chosen for convolutions."""
    backend = network.backend
    facts = {
        **backend.describe_for(network.compute_dtype),
        "dtypes": ", ".join(dtypes(backend.name)),
    }
    used = {"processes": processes, "backend": {"name": backend.name, **facts}}
    environment = {**versions(), **used}
    if methods := backend.conv_methods():
        environment["engines"] = methods
    write_bytes(folder / ENVIRONMENT, f"{to_json(environment, indent=2)}\n".encode())


class Outcome(NamedTuple):
    """How a run ended: the figures of its test, the note that says why it stopped, if early, and
    the table of the config.toml that it was run with.
    """

    test: dict[str, float]
    stopped: str | None
    config: dict[str, Any]


def outcome(folder: Path) -> Outcome | None:
    """Return how a run ended; None if it did not end, or if its model file is damaged."""
    if not (folder / MODEL).is_file():
        return None
    try:
        provenance = load_to_read(folder / MODEL)[0].provenance
    except CheckpointError as error:
        say(f"note: {str(error).partition(chr(10))[0]}; it will be written again")
        return None
    metrics, config = provenance.get("metrics"), provenance.get("config")
    if not isinstance(metrics, dict) or not isinstance(metrics.get("test"), dict):
        return None
    return Outcome(metrics["test"], metrics.get("stopped"), config or {})


class Rewritten(Callback):
    """Brings config.toml up to date once it is certain that a resumed run continues."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.path, self.config = folder / CONFIG, plan.config

    def on_start(self, history: History, done: int, total: int) -> None:
        if toml.parse(toml.read(self.path)) != self.config:
            write_bytes(self.path, toml.write(self.config).encode())


class ConvMethods(Callback):
    """Brings environment.json up to date when steps have chosen methods for convolutions."""

    def __init__(self, folder: Path, network: Network, processes: int) -> None:
        self.folder, self.network, self.processes = folder, network, processes
        self.known = network.backend.conv_methods()

    def on_epoch_end(self, record: Epoch) -> None:
        if (known := self.network.backend.conv_methods()) != self.known:
            write_environment(self.folder, self.network, self.processes)
            self.known = known


class Journal(Callback):
    """Keeps the history, and writes metrics.jsonl as it grows.

    begun: whether training has begun in this process. If a line cannot be written, a message says
    so, and it is written later: a full disk does not end a run.
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
        self.rewrite()

    def rewrite(self) -> None:
        """Write the whole file anew: an interruption may have come between a record and its line.

        Raises:
            CheckpointError: it cannot be written.
        """
        lines = self._lines()
        write_bytes(self.path, "".join(lines).encode())
        self._written = len(lines)

    def on_validation(self, record: Validation) -> None:
        if not record.ends_epoch:
            self._write()

    def on_epoch_end(self, record: Epoch) -> None:
        self._write()

    def _write(self) -> None:
        """Add the lines that are missing."""
        lines = self._lines()
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(lines[self._written :]))
        except OSError as error:
            say(f"note: {self.path} cannot be written: {error.strerror or error}")
        else:
            self._written = len(lines)

    def _lines(self) -> list[str]:
        between = [record for record in self.history.validations if not record.ends_epoch]
        records: list[Epoch | Validation] = [*between, *self.history.epochs]
        return list(map(_line, sorted(records, key=lambda record: record.step)))


def _line(record: Epoch | Validation) -> str:
    if isinstance(record, Validation):
        table = {"step": record.step, "val_loss": record.loss, "val_accuracy": record.accuracy}
        metrics = {f"val_{name}": value for name, value in record.metrics.items()}
        return f"{to_json(table | metrics)}\n"
    return f"{to_json(record.as_dict())}\n"
