"""Checkpoints: everything that a run needs to be resumed to the same bits, also within an epoch.

Everything random is a function of the seed and of the number of the epoch (order, augmentation) or
of the forward pass (dropout). Every decision (schedule, best, patience) is a function of the
history; only limits of time and callbacks are not, and a checkpoint holds no state of callbacks. A
checkpoint is one safetensors file, written completely or not at all, of

    arrays      weights, running statistics, optimizer state, average of the weights, loss scale of
                float16, sums of the epoch; weights and statistics of the best validation (`saver`)
    metadata    identity of the run, to compare data, layers and options with; forward passes done,
                history, whether there is a best validation, notes, seconds, environment
                (`checkpoint_metadata`)

The newest `keep` files stay. The same bits also need the same processor, threads and kernels: a
change of these is noted, not rejected (`Saver.restore`).

How a run is resumed, by `xpcnn resume RUN` or `Model.fit(checkpoints=..., resume=True)`:

    Checkpoints.read    the newest file that is whole, of the same run, with the expected tensors
    Saver.restore       from there to RunState: weights, optimizer state, average, sums, history,
                        best weights, time (`saver.py`)
    Run.run_epochs      continues epoch len(history) + 1, after the batches of it that are done
    Updates.epoch       skips these batches, without computing them
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

from xpcnn.data.files import as_path, current_folder, from_folder, shown
from xpcnn.errors import CheckpointError, ConfigError, hint, reason_of
from xpcnn.io import atomic, tensor_file
from xpcnn.io.lock import locked
from xpcnn.io.tensor_file import Spec, Tensors, check_tensors
from xpcnn.options import POSITIVE, check, check_count
from xpcnn.training.checkpoint_metadata import Found, check_run, found_in

_NAME = re.compile(r"step-(\d{9,})\.safetensors")
_HALF = re.compile(r"\.(step-\d{9,}|not-finite)\.safetensors\.[0-9a-f]{8}\.tmp")


@dataclass(frozen=True)
class Checkpoints:
    """Where and how often `Model.fit` saves a run, so that `fit(..., resume=True)` can resume it.

        model.fit(train, checkpoints=Checkpoints("run", every_seconds=300))

    A checkpoint is written after `every_steps` updates or `every_seconds` seconds, at the end of
    the run, and if Ctrl-C or an error interrupts the run; never with NaN or infinity in it.

    Args:
        folder: folder of the files `step-<updates>.safetensors`, made if it is missing, with a lock
            against a second process.
        every_steps: number of updates between checkpoints, at least 1; None for none by updates.
        every_seconds: seconds between checkpoints, above 0; None for none by time.
        keep: number of the newest checkpoints that are kept, at least 1.

    Raises:
        ConfigError: an argument is out of range.
    """

    folder: str | Path
    _: KW_ONLY
    every_steps: int | None = None
    every_seconds: float | None = 60.0
    keep: int = 2
    _given_in: str = field(default_factory=current_folder, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        as_path(self.folder, "Checkpoints: folder")
        object.__setattr__(self, "keep", check_count("keep", self.keep))
        if self.every_steps is not None:
            object.__setattr__(self, "every_steps", check_count("every_steps", self.every_steps))
        if self.every_seconds is not None:
            check(self, every_seconds=POSITIVE)

    @property
    def place(self) -> Path:
        """The folder, also when the current folder has become another one."""
        return from_folder(Path(self.folder), self._given_in)

    def files(self) -> list[Path]:
        """Return the checkpoints, the newest first."""
        folder = self.place
        found = [
            path for path in folder.glob("step-*") if _NAME.fullmatch(path.name) and path.is_file()
        ]
        return sorted(found, key=lambda path: int(path.name[5:-12]), reverse=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and lock it against other processes while the block runs; see `io.lock`.

        Raises:
            CheckpointError: the folder cannot be made.
            ConfigError: another process works on it.
        """
        folder = self.place
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # ValueError: an impossible path
            message = f"{shown(folder)} cannot be made: {getattr(error, 'strerror', None) or error}"
            raise CheckpointError(hint(message, "a folder that may be written")) from error
        with locked(folder):
            yield

    def clean(self) -> None:
        """Remove incomplete files of a killed run; the caller must hold the lock."""
        folder = self.place
        for path in folder.glob(f".*.safetensors.*{atomic.SUFFIX}"):
            if _HALF.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    path.unlink()

    def write(self, step: int, tensors: Tensors, metadata: dict[str, Any]) -> Path:
        """Write the checkpoint after `step` updates, and remove the oldest beyond `keep`.

        Raises:
            CheckpointError: the file cannot be written; older checkpoints are untouched.
        """
        path = self.place / f"step-{step:09}.safetensors"
        tensor_file.write(path, tensors, metadata)
        others = [other for other in self.files() if other != path]
        for old in others[self.keep - 1 :]:
            with contextlib.suppress(OSError):
                old.unlink()
        return path

    def read(self, run: Mapping[str, str], expected: Mapping[str, Spec]) -> Found | None:
        """Return the newest undamaged checkpoint, or None if the folder has no checkpoints.

        Newer ones that are damaged are renamed to `.damaged`.

        Args:
            run: what the run is, by name; must equal that of the checkpoint, except for the epochs.
            expected: shapes and dtypes of its tensors; names that begin with `best.` are expected
                only if the run has a best validation.

        Raises:
            ConfigError: the newest belongs to another run.
            CheckpointError: there are checkpoints, and none can be read.
        """
        problems: dict[Path, str] = {}
        for path in self.files():
            try:
                tensors, metadata = tensor_file.read(path)
                if tensor_file.CHECKSUM in metadata:  # format 1: over tensors alone
                    message = f"{path} was written by an earlier xpcnn"
                    raise CheckpointError(hint(message, "that version, or a new run"))
                check_run(run, metadata.get("run"))
                best = bool(metadata.get("best"))
                specs = {n: s for n, s in expected.items() if best or not n.startswith("best.")}
                check_tensors(str(path), specs, tensor_file.specs(tensors))
                found = found_in(path, tensors, metadata, list(problems.values()))
            except CheckpointError as error:
                problems[path] = reason_of(error)
                continue
            for damaged in problems:
                with contextlib.suppress(OSError):
                    damaged.rename(damaged.with_suffix(".damaged"))
            return found
        if problems:
            message = f"no checkpoint can be read: {'; '.join(problems.values())}"
            raise CheckpointError(hint(message, "start the run again in another folder"))
        return None


def check_checkpoints(checkpoints: Any, resume: bool) -> None:
    """Require Checkpoints or None, and Checkpoints if a run is to be resumed.

    Raises:
        ConfigError: `checkpoints` is anything else.
    """
    advice = 'checkpoints=Checkpoints("folder")'
    if not isinstance(checkpoints, Checkpoints | None):
        message = f"checkpoints is a {type(checkpoints).__name__}, expected Checkpoints"
        raise ConfigError(hint(message, advice))
    if resume and checkpoints is None:
        raise ConfigError(hint("resume=True, and there are no checkpoints to resume from", advice))
