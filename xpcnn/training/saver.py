"""The checkpoints of a run: written when they are due, and read when the run is resumed."""

import hashlib
import shlex
import time
from collections.abc import Mapping
from dataclasses import replace

from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import CheckpointError, XpcnnError, counted, hint, reason_of
from xpcnn.io.tensor_file import Spec, Tensors
from xpcnn.network import Network
from xpcnn.ops.checks import dtype_name
from xpcnn.optimizers.groups import Groups
from xpcnn.process_group import ALONE, Group, by_all, by_first, shared
from xpcnn.training.checkpoint_metadata import Found, metadata
from xpcnn.training.checkpoints import Checkpoints
from xpcnn.training.extension import extended
from xpcnn.training.progress import Position, Progress, Weights, named_arrays, with_arrays
from xpcnn.training.recipe import Arrays
from xpcnn.training.replay_file import keep
from xpcnn.training.run_identity import differences, environment, identity_of, incomparable
from xpcnn.training.run_state import RunState
from xpcnn.training.updates import Update, Updates
from xpcnn.types import flatten, unflatten_like

NOT_FINITE = "not-finite.safetensors"
"""The file of an update that failed, in the folder of checkpoints."""


class Saver:
    """Writes and reads the checkpoints of one run.

    Of a group of processes, the first writes and reads; all get what it has read.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        network: Network,
        options: TrainingOptions,
        seed: int,
        data: Mapping[str, tuple[str, int]],
        resume: bool,
        group: Group = ALONE,
    ) -> None:
        """Require a folder without checkpoints, unless the run is resumed.

        The caller holds the lock of the checkpoints, in the first process of a group.

        data: hash and number of samples of each part, by its name.
        resume: whether to continue from the newest checkpoint.
        group: the processes of the run.

        Raises:
            CheckpointError: the folder has checkpoints, and the run is not to be resumed.
        """
        self.checkpoints, self.network, self.resume = checkpoints, network, resume
        self.options, self.seed, self.group = options, seed, group
        by_first(group, self._prepare)
        self.identity = identity_of(network, options, seed, data)
        self.environment = environment(network) | {"processes": str(group.size)}
        self._step, self._time = 0, time.monotonic()

    def _prepare(self) -> None:
        """Require a folder without checkpoints, unless the run is resumed, and remove remains."""
        if not self.resume and (files := self.checkpoints.files()):
            message = f"{self.checkpoints.folder} has checkpoints already: {files[0].name}"
            raise CheckpointError(hint(message, "resume=True to resume the run, or another folder"))
        self.checkpoints.clean()

    def keep_case(self, before: Progress, update: Update, groups: Groups) -> str:
        """Write the file of an update that failed; return what to do with the file, in words.

        groups: the parameters that it changes.
        """
        options = self.options
        late = options.freeze if groups.late else ()
        if options.unfreeze_after is not None:  # frozen now, or nothing any more
            own = set(groups.paths)
            freeze = () if groups.late else options.freeze
            options = replace(options, freeze=freeze, unfreeze_after=None)
            state = {
                quantity: {path: x for path, x in arrays.items() if path in own}
                for quantity, arrays in before.state.items()
            }
            before = before._replace(state=state)
        try:
            path = self.checkpoints.place / NOT_FINITE
            keep(path, self.network, options, self.seed, before, update, late, groups.begun)
        except XpcnnError as error:
            problem = reason_of(error)
            return f"the update could not be kept: {problem}"
        return f"xpcnn replay {shlex.quote(str(path))} repeats the update"

    def due(self, step: int) -> bool:
        """Whether it is time for another checkpoint."""
        every = self.checkpoints
        steps = every.every_steps is not None and step - self._step >= every.every_steps
        since = time.monotonic() - self._time
        return steps or (every.every_seconds is not None and since >= every.every_seconds)

    def write(self, state: RunState) -> None:
        """Write a checkpoint; where that fails, note it: the ones before stay, and it is tried
        again when the next one is due.

        Raises:
            XpcnnError: a process of the group has other values than the first.
        """
        self._step, self._time = state.step, time.monotonic()
        (progress, passes), to_host = state.now, self.network.backend.to_host
        tensors = {name: to_host(x) for name, x in _tensors(progress, state.best).items()}
        self._check_equal(tensors)
        if self.group.rank > 0:
            return
        has_best = state.best is not None
        table = metadata(
            self.identity, passes, state.seconds, state.history, self.environment, has_best
        )
        try:
            self.checkpoints.write(state.step, tensors, table)
        except CheckpointError as error:
            state.note(f"no checkpoint after update {state.step:,}: {error}")

    def _check_equal(self, tensors: Tensors) -> None:
        """Require the same bits in every process of the group."""
        if self.group.size == 1:
            return
        digest = hashlib.blake2b(digest_size=16)
        for name in sorted(tensors):
            digest.update(tensors[name].tobytes())
        digests = self.group.gather(digest.hexdigest())
        others = [str(rank) for rank, other in enumerate(digests) if other != digests[0]]
        if others:
            message = f"process {', '.join(others)} has other weights than process 0"
            advice = "machines of one kind, with the same libraries"
            raise shared(XpcnnError(hint(message, advice)))

    def restore(self, state: RunState) -> None:
        """Continue a run from the newest checkpoint; without one the run begins at its start.

        Raises:
            ConfigError: the checkpoint belongs to another run, or the run cannot continue to the
                length that it has now.
            CheckpointError: there are checkpoints, and none can be read.
        """
        fresh = state.now.progress  # has the form of the saved one
        expected = {
            name: Spec(tuple(x.shape), dtype_name(x))
            for name, x in _tensors(fresh, (fresh.params, fresh.buffers)).items()
        }
        found = by_first(self.group, lambda: self.checkpoints.read(self.identity, expected))
        if found is None:
            return
        longer, ended = by_all(self.group, lambda: _extension(found, state.updates))
        self._step = state.updates.done_after(found.passes)
        named = {name: self.network.backend.from_host(x) for name, x in found.tensors.items()}
        progress = with_arrays(fresh, named)
        sums = {"loss_sum": named["sums.loss"], "hits": named["sums.hits"]}
        state.now = Position(progress._replace(**sums), found.passes)
        state.history = found.history
        if found.best:
            state.best = (
                unflatten_like(fresh.params, named, "best.params."),
                unflatten_like(fresh.buffers, named, "best.buffers."),
            )
        state.started = time.perf_counter() - found.seconds
        changed = differences(found.environment, self.environment)
        unknown = [
            f"{name} cannot be compared with that of the saved run"
            for name in incomparable(self.options)
        ]
        resumed = f"resumed after update {state.step:,}"
        for text in [resumed, *longer, *found.notes, *changed, *unknown, *ended]:
            state.note(text)


def _tensors(progress: Progress, best: Weights | None) -> Arrays:
    """Return the arrays of a checkpoint by name."""
    named = named_arrays(progress)
    named |= {"sums.loss": progress.loss_sum, "sums.hits": progress.hits}
    if best is not None:
        named |= flatten(best[0], "best.params.") | flatten(best[1], "best.buffers.")
    return named


def _extension(found: Found, updates: Updates) -> tuple[list[str], list[str]]:
    """Return notes on another length of the run, and on one that has come to its last update.

    Raises:
        CheckpointError: the checkpoint contradicts itself.
        ConfigError: the run cannot continue to the length that `updates` has.
    """
    done, size = len(found.history), updates.batches_per_epoch
    if not 0 <= found.passes - done * size <= size:
        message = f"a checkpoint has {found.passes} batches in {counted(done, 'epoch')}"
        raise CheckpointError(hint(message, "remove it, to resume from the one before"))
    step = updates.done_after(found.passes)
    changes = extended(updates, found.epochs, found.max_steps, found.history, step)
    ended = []
    if changes and step == updates.total < updates.per_epoch * updates.options.epochs:
        ended.append(f"max_steps={step} has ended the run, whatever its epochs")
    return changes, ended
