"""The state of a run: where it is, what it has recorded, and whether it stops."""

import copy
import time
from collections.abc import Sequence
from typing import Any

from xpcnn.config.training_options import TrainingOptions
from xpcnn.network import Network
from xpcnn.process_group import ALONE, Group
from xpcnn.samples import Samples
from xpcnn.training.callbacks import Callback, StopTraining
from xpcnn.training.history import Epoch, History, Validation
from xpcnn.training.last_batch import check_last_batch
from xpcnn.training.notifier import Notifier
from xpcnn.training.progress import Position, Weights, beginning
from xpcnn.training.recipe import Recipe, may_record_step, recipe_for, shared_recipe
from xpcnn.training.snapshot import Snapshot
from xpcnn.training.updates import Update, Updates
from xpcnn.training.weight_average import batch_statistics, has_begun
from xpcnn.types import flatten, unflatten_like


class RunState:
    """What the parts of a run share.

    now: the position, always between two updates.
    best: the weights of the best validation so far; None before one, or where they are not kept.
    stopping: whether training ends after this update.
    group: the processes that train together.
    recipe, updates: of the next update, in this process. whole_recipe, whole_updates: as if one
        process trained alone on whole batches, to repeat an update that diverged.
    in_step: whether batches are made in steps, where the library records those.
    """

    def __init__(
        self,
        network: Network,
        train: Samples,
        options: TrainingOptions,
        seed: int,
        callbacks: Sequence[Callback],
        group: Group = ALONE,
    ) -> None:
        self.network, self.options, self.group = network, options, group
        self.updates = self.whole_updates = Updates(network, train, options, seed)
        check_last_batch(network, len(train), options, group.size)
        per_epoch = self.updates.per_epoch
        self._recipes = [recipe_for(network, options, seed, per_epoch)]  # until unfreeze_after
        if options.unfreeze_after is not None:  # and after it
            unfrozen = recipe_for(network, options, seed, per_epoch, unfrozen=True)
            unfrozen = unfrozen._replace(steps=self._recipes[0].steps)  # recorded in one memory
            self._recipes.append(unfrozen)
        self._shared = self._recipes
        wanted = getattr(self._recipes[0].steps, "wants_batches", False)
        recorded = wanted and may_record_step(self._recipes[0])
        self.in_step = recorded and group.size == 1 and self.updates.can_be_made_in_steps
        if self.in_step:
            self._shared = [r._replace(batch=self.updates.batch) for r in self._recipes]
        if group.size > 1:
            self.updates = Updates(network, train, options, seed, group)
            self._shared = [
                shared_recipe(recipe, network, options, group) for recipe in self._recipes
            ]
        # the optimizer has a state for all that ever learns, so that positions have one form
        self.now = Position(beginning(self._shared[-1], network), 0)
        self.history = History()
        self.best: Weights | None = None
        self._averaged: tuple[int, Weights] | None = None  # by passes
        self.notifier, self.stopping = Notifier(callbacks), False
        self.started = time.perf_counter()

    @property
    def recipe(self) -> Recipe:
        return self._shared[self._phase(self.step + 1)]

    @property
    def whole_recipe(self) -> Recipe:
        return self.whole_recipe_of(self.step + 1)

    def whole_recipe_of(self, step: int) -> Recipe:
        """Return the recipe of an update, from 1."""
        return self._recipes[self._phase(step)]

    def _phase(self, step: int) -> int:
        return -1 if self.updates.is_unfrozen(step) else 0

    @property
    def step(self) -> int:
        """Updates done."""
        return self.updates.done_after(self.now.passes)

    @property
    def seconds(self) -> float:
        """Seconds of training, in all processes of the run."""
        return time.perf_counter() - self.started

    def batches(self, epoch: int) -> int:
        """Return how many batches of an epoch (from 1) are done."""
        return self.now.passes - (epoch - 1) * self.updates.batches_per_epoch

    def is_mid_epoch(self) -> bool:
        """Whether the position is neither the begin nor the end of an epoch."""
        return self.now.passes % self.updates.batches_per_epoch != 0

    def mean_loss(self, epoch: int) -> float:
        """Return the mean loss of the samples of an epoch so far; waits for the device."""
        return float(self.now.progress.loss_sum) / self.updates.samples_after(self.batches(epoch))

    def epoch_record(
        self,
        epoch: int,
        loss: float,
        validation: Validation | None,
        resumed_at: int,
        seconds: float,
    ) -> Epoch:
        """Return the figures of an epoch that ends now; for `resumed_at` see `Run.end_epoch`."""
        seen = self.updates.samples_after(self.batches(epoch))
        return Epoch(
            epoch,
            loss,
            int(self.now.progress.hits) / seen if self.network.task.counts_hits else None,
            None if validation is None else validation.loss,
            None if validation is None else validation.accuracy,
            self.updates.rate(self.step, self.history.losses()),
            seconds,
            (seen - self.updates.samples_after(resumed_at)) / seconds,
            self.step,
            {} if validation is None else validation.metrics,
        )

    def weights(self) -> Weights:
        """Return the parameters and buffers after the last update, or their average."""
        progress, passes = self.now
        if not has_begun(self.recipe, self.step):
            return progress.params, progress.buffers
        params = unflatten_like(progress.params, progress.average)
        if self.recipe.swa is None:
            return params, progress.buffers
        if self._averaged is None or self._averaged[0] != passes:
            size = self.options.batch_size
            whole = self.whole_recipe, params, progress.buffers, self.updates.train, size
            buffers = batch_statistics(*whole)  # in each process of a group alike
            self._averaged = passes, (params, buffers)
        return self._averaged[1]

    def snapshot(self, update: Update, epoch: int) -> Snapshot:
        """Return the run as it is after an update, for callbacks.

        They may change its weights. The library takes the dictionaries that the last step returned
        for unchanged (`Backend.compile_step`): from now on the run has others.
        """
        network, now = copy.copy(self.network), self.now.progress
        network.params, network.buffers = (
            unflatten_like(tree, flatten(tree)) for tree in (now.params, now.buffers)
        )
        progress = now._replace(params=network.params, buffers=network.buffers)
        self.now = self.now._replace(progress=progress)
        place = (epoch, self.batches(epoch), self.updates.batches_per_epoch, self.step)
        alone = update._replace(rows=())
        recipe = self.whole_recipe._replace(batch=self.recipe.batch)
        return Snapshot(*place, network, recipe, progress, alone)

    def notify(self, moment: str, *facts: Any) -> None:
        """Call a method of every callback; each may stop the run."""
        for callback in self.notifier.callbacks:
            try:
                getattr(callback, moment)(*facts)
            except StopTraining as stop:
                self.stop(str(stop))

    def note(self, text: str) -> None:
        """Add a note for a person to the history, once."""
        if text not in self.history.notes:
            self.history.notes.append(text)
            self.notify("on_note", text)

    def stop(self, reason: str) -> None:
        """End training after this update, and note the first reason; "" is none."""
        is_first, self.stopping = not self.stopping, True
        if is_first and reason:
            self.note(f"stopped after update {self.step:,}: {reason}")
