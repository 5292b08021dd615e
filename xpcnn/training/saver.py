"""Where a run stands, to a checkpoint and back."""

import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from xpcnn.errors import CheckpointError, XpcnnError, hint
from xpcnn.io.model_file import Spec
from xpcnn.network import Network
from xpcnn.ops.checks import dtype_name
from xpcnn.training.checkpoints import Checkpoints, metadata
from xpcnn.training.divergence import arrays, with_arrays
from xpcnn.training.history import History
from xpcnn.training.options import TrainingOptions
from xpcnn.training.replay_file import keep
from xpcnn.training.step import Arrays, Progress
from xpcnn.training.updates import Update
from xpcnn.types import Params, flatten, unflatten_like
from xpcnn.version import VERSION

_NOT_OF_THE_RUN = ("max_seconds",)
"""Options that may change when a run is resumed."""

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
"""The memory address in a repr, such as that of a lambda: removed, so that runs can be compared."""

NOT_FINITE = "not-finite.safetensors"
"""The file of an update that failed, in the folder of checkpoints."""

Weights = tuple[Params, Params]
"""Parameters and buffers."""


class Standing(NamedTuple):
    """Where a run stands: `passes` forward passes in, after `seconds`."""

    progress: Progress
    passes: int
    seconds: float
    history: History
    best: Weights | None


class Saver:
    """Writes the checkpoints of one run, when they are due, and reads them again."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        network: Network,
        options: TrainingOptions,
        seed: int,
        data: str,
        resume: bool,
    ) -> None:
        """data: what the samples are, such as their hash; resume: whether to go on from the newest.

        The caller holds the lock of the checkpoints.

        Raises:
            CheckpointError: the folder holds the checkpoints of another run.
        """
        if not resume and (files := checkpoints.files()):
            message = f"{checkpoints.folder} has checkpoints already: {files[0].name}"
            raise CheckpointError(hint(message, "resume=True to go on, or another folder"))
        checkpoints.clean()
        self.checkpoints, self.network, self.resume = checkpoints, network, resume
        self.run = {
            "seed": str(seed),
            "data": data,
            "mean": str(network.mean),
            "std": str(network.std),
            "dtype": network.dtype,
            "layers": _shown(network.layers),
            "loss": _shown(network.loss),
            **{
                name: _shown(value)
                for name, value in vars(options).items()
                if name not in _NOT_OF_THE_RUN
            },
        }
        self.unnamed = [
            name for name, value in vars(options).items() if _ADDRESS.search(repr(value))
        ]
        self.environment = {
            "xpcnn": VERSION,
            "backend": network.backend.name,
            **network.backend.describe(),
        }
        self._step, self._time = 0, time.monotonic()

    def keep_case(
        self, options: TrainingOptions, seed: int, before: Progress, update: Update
    ) -> str:
        """Write down the update that failed; return what to do with the file, in words."""
        try:
            path = Path(self.checkpoints.folder) / NOT_FINITE
            keep(path, self.network, options, seed, before, update)
        except XpcnnError as error:
            problem = str(error).partition("\nTry: ")[0]
            return f"the update could not be kept: {problem}"
        return f"xpcnn replay {shlex.quote(str(path))} repeats the update"

    def due(self, step: int) -> bool:
        """Whether it is time for another checkpoint."""
        every = self.checkpoints
        steps = every.every_steps is not None and step - self._step >= every.every_steps
        since = time.monotonic() - self._time
        return steps or (every.every_seconds is not None and since >= every.every_seconds)

    def write(self, step: int, standing: Standing) -> None:
        """Write a checkpoint of the state after `step` updates.

        Raises:
            CheckpointError: it cannot be written; tried again when the next is due.
        """
        self._step, self._time = step, time.monotonic()
        tensors = {
            name: self.network.backend.to_host(x)
            for name, x in _tensors(standing.progress, standing.best).items()
        }
        table = metadata(
            self.run,
            standing.passes,
            standing.seconds,
            standing.history,
            self.environment,
            standing.best is not None,
        )
        self.checkpoints.write(step, tensors, table)

    def restore(
        self, fresh: Progress, step_after: Callable[[int], int]
    ) -> tuple[Standing, int, list[str]] | None:
        """Return where the run stood, how many epochs it was to have then, and what a person should
        know of it; None if there is no checkpoint.

        Args:
            fresh: the state before the first step, whose form the saved one has.
            step_after: the updates done after so many forward passes.
        """
        weights = fresh.params, fresh.buffers
        expected = {
            name: Spec(tuple(x.shape), dtype_name(x))
            for name, x in _tensors(fresh, weights).items()
        }
        found = self.checkpoints.read(self.run, expected)
        if found is None:
            return None
        self._step = step_after(found.passes)
        named = {name: self.network.backend.from_host(x) for name, x in found.tensors.items()}
        progress = with_arrays(fresh, named)
        best = None
        if found.best:
            best = (
                unflatten_like(fresh.params, named, "best.params."),
                unflatten_like(fresh.buffers, named, "best.buffers."),
            )
        standing = Standing(
            progress._replace(loss_sum=named["sums.loss"], hits=named["sums.hits"]),
            found.passes,
            found.seconds,
            found.history,
            best,
        )
        notes = found.notes + _differences(found.environment, self.environment)
        notes += [f"{name} cannot be compared with that of the saved run" for name in self.unnamed]
        return standing, found.epochs, notes


def _tensors(progress: Progress, best: Weights | None) -> Arrays:
    """Return all arrays of a standing by name."""
    named = arrays(progress) | {"sums.loss": progress.loss_sum, "sums.hits": progress.hits}
    if best is not None:
        named |= flatten(best[0], "best.params.") | flatten(best[1], "best.buffers.")
    return named


def _shown(value: object) -> str:
    """Return an option in words that are the same in every process."""
    return _ADDRESS.sub("", repr(value))


def _differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return what of the surroundings is not as it was, which the last bits may depend on."""
    return [
        f"{name} was {then.get(name)} and is now {now.get(name)}: the last bits may differ"
        for name in sorted({*then, *now})
        if str(then.get(name)) != str(now.get(name))
    ]
