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

from xpcnn.cli.output import say
from xpcnn.data.files import shown
from xpcnn.errors import ConfigError, hint
from xpcnn.io import lock
from xpcnn.io.lock import locked

INIT = "init.safetensors"
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
