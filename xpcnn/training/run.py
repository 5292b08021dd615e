"""A run under way: epoch after epoch, validations, checkpoints, and the end.

Waits for the device once per epoch, validation and checkpoint. All that it decides on the way is a
function of the options and the history, so that a run from a checkpoint takes the same way.
"""

import math
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, NoReturn

from xpcnn.errors import CheckpointError, XpcnnError, hint
from xpcnn.network import Network
from xpcnn.samples import Samples
from xpcnn.training.callbacks import Callback, StopTraining
from xpcnn.training.divergence import all_finite, first_failing
from xpcnn.training.evaluation import evaluate, zero_sums
from xpcnn.training.extension import check_extension
from xpcnn.training.health_notes import HealthNotes
from xpcnn.training.history import Epoch, History, Validation
from xpcnn.training.last_batch import check_last_batch
from xpcnn.training.options import TrainingOptions, check_validation
from xpcnn.training.prefetch import prefetched
from xpcnn.training.recipe import recipe_for
from xpcnn.training.saver import Saver, Standing, Weights
from xpcnn.training.step import beginning, training_step
from xpcnn.training.updates import Course
from xpcnn.types import unflatten_like

LOSS_SECONDS = 0.5
"""Time between two readings of the loss for `on_loss`, each of which waits for the device."""


class Run:
    """A run: `now` is its state, and the forward passes done; always between two updates."""

    def __init__(
        self,
        network: Network,
        train: Samples,
        validation: Samples | None,
        options: TrainingOptions,
        seed: int,
        callbacks: Sequence[Callback],
        saver: Saver | None,
        health: bool | None = None,
    ) -> None:
        check_validation(options, validation is not None)
        self.network, self.validation, self.options = network, validation, options
        self.seed, self.callbacks, self.saver = seed, callbacks, saver
        self.course = Course(network, train, options, seed)
        check_last_batch(network, len(train), options)
        self.recipe = recipe_for(network, options, seed)
        labels = network.backend.to_host(train.labels)
        validated = 0 if validation is None else len(validation)
        self.health = HealthNotes(health, network, self.recipe, self.course, labels, validated)
        to_device = network.backend.from_host
        start = beginning(self.recipe, network.params, network.buffers, to_device, network.dtype)
        self.now = start, 0
        self.good = self.now  # where all was last seen to be finite
        self.best: Weights | None = None
        self.history = History()
        self.stopping = False
        self.asked = any(type(c).on_loss is not Callback.on_loss for c in callbacks)
        self.told = -math.inf  # when the loss was last told
        self.started = time.perf_counter()

    @property
    def updates(self) -> int:
        """Updates done."""
        return self.course.updates_after(self.now[1])

    @property
    def seconds(self) -> float:
        """Seconds of training, those before it was resumed too."""
        return time.perf_counter() - self.started

    def weights(self) -> Weights:
        """Return the parameters and buffers that training has come to, averaged if asked for."""
        progress, _ = self.now
        if self.options.ema is None:
            return progress.params, progress.buffers
        return unflatten_like(progress.params, progress.average), progress.buffers

    def train(self) -> None:
        """Train to the end."""
        self.notify("on_start", self.history, self.updates, self.course.total)
        self._limit()
        self._lose_patience()
        if self.now[1] == 0:
            self._check_health()
        while len(self.history) < self.options.epochs and (self._mid_epoch() or not self.stopping):
            self._epoch(len(self.history) + 1)

    def _mid_epoch(self) -> bool:
        """Whether an epoch has begun that is not recorded: one from a checkpoint."""
        return self.now[1] > len(self.history) * self.course.batches

    def save(self) -> None:
        """Write a checkpoint; where that fails, say so and go on: the ones before are there.

        Raises:
            XpcnnError: a value is not finite, and nothing is written.
        """
        assert self.saver is not None
        self._check()
        standing = Standing(*self.now, self.seconds, self.history, self.best)
        try:
            self.saver.write(self.updates, standing)
        except CheckpointError as error:
            self._note(f"no checkpoint after update {self.updates:,}: {error}")

    def rescue(self) -> None:
        """Save what there is of a run that is broken off, or go back to where all was finite."""
        if not bool(all_finite(self.now[0])):
            self.now = self.good
        elif self.saver is not None and self.now[1] > 0:
            self.save()

    def chosen(self) -> Weights:
        """Return the weights that the model gets in the end: the best, or the last."""
        if self.options.best_kept and self.best is not None:
            return self.best
        return self.weights()

    def restore(self) -> None:
        """Go on from the newest checkpoint; from the start where there is none."""
        assert self.saver is not None
        found = self.saver.restore(self.now[0], self.course.updates_after)
        if found is None:
            return
        standing, before, notes = found
        passes, epochs = standing.passes, len(standing.history)
        if not 0 <= passes - epochs * self.course.batches <= self.course.batches:
            message = f"a checkpoint has {passes} batches in {epochs} epochs"
            raise CheckpointError(hint(message, "remove it, to go on from the one before"))
        updates = self.course.updates_after(passes)
        if before != self.options.epochs:
            check_extension(self.course, before, standing.history, updates)
            notes.insert(0, f"epochs was {before} and is now {self.options.epochs}")
            if updates == self.course.total < self.course.updates * self.options.epochs:
                notes.append(f"max_steps={updates} has ended the run, whatever its epochs")
        self.now = self.good = standing.progress, standing.passes
        self.history, self.best = standing.history, standing.best
        self.started = time.perf_counter() - standing.seconds
        for text in [f"resumed after update {self.updates:,}", *notes]:
            self._note(text)

    def _note(self, text: str) -> None:
        """Tell a person something, once, and keep it."""
        if text not in self.history.notes:
            self.history.notes.append(text)
            self.notify("on_note", text)

    def notify(self, moment: str, *facts: Any) -> None:
        """Call every callback at a moment."""
        for callback in self.callbacks:
            try:
                getattr(callback, moment)(*facts)
            except StopTraining as stop:
                if str(stop):
                    self._stop(str(stop))
                self.stopping = True

    def _epoch(self, epoch: int) -> None:
        """Train one epoch, or the rest of one, and record it."""
        start, begin = time.perf_counter(), (epoch - 1) * self.course.batches
        progress, first = self.now
        self.notify("on_epoch_start", epoch)
        if first == begin:
            if self.stopping:
                return
            loss_sum, right = zero_sums(self.network)
            self.now = progress._replace(loss_sum=loss_sum, hits=right), first
        else:
            self._between_updates()  # what was due when the run was broken off
        updates = self.course.epoch(epoch, first - begin, self.history.losses())
        # measured with flip and crop: 1.25 x for `tiny`, 1.04 x for `medium`; without, no gain
        for update in prefetched(updates) if self.options.augment else updates:
            if self.stopping:
                break
            progress, passes = self.now
            self.now = training_step(self.recipe, progress, *update), passes + len(update.batches)
            self.notify("on_step", self.updates)
            self._tell_loss(begin)
            self._limit()
            self._between_updates()
        self._check()  # waits for the device
        self._record(epoch, first - begin, time.perf_counter() - start)

    def _tell_loss(self, begin: int) -> None:
        """Tell callbacks that ask for it the mean loss of the epoch so far, now and then.

        begin: the forward passes done before the epoch.
        """
        now = time.perf_counter()
        if self.asked and now - self.told >= LOSS_SECONDS:
            self.told = now
            progress, passes = self.now
            loss = float(progress.loss_sum) / self.course.samples_after(passes - begin)
            self.notify("on_loss", self.updates, loss)

    def _between_updates(self) -> None:
        """Do what is due between two updates of an epoch; its end is `_record`'s."""
        if self.now[1] % self.course.batches == 0:
            return
        every = self.options.validate_every
        if every is not None and self.updates % every == 0:
            self._validate()
        if self.saver is not None and (self.stopping or self.saver.due(self.updates)):
            self.save()

    def _record(self, epoch: int, skipped: int, seconds: float) -> None:
        """Validate at the end of an epoch, whole or cut short, and write its figures down."""
        progress, passes = self.now
        done = passes - (epoch - 1) * self.course.batches
        seen = self.course.samples_after(done)
        here = seen - self.course.samples_after(skipped)  # in this process
        loss = float(progress.loss_sum) / seen
        if not math.isfinite(loss):  # each was, their sum is not
            self._refuse(f"the mean loss is {loss} after update {self.updates}")
        found = None if self.validation is None else self._validate()
        record = Epoch(
            epoch,
            loss,
            int(progress.hits) / seen,
            None if found is None else found.loss,
            None if found is None else found.accuracy,
            self.course.rate(self.updates - 1, self.history.losses()),
            seconds,
            here / seconds,
            self.updates,
        )
        self.history.epochs.append(record)
        self.notify("on_epoch_end", record)
        ended = self.stopping or len(self.history) == self.options.epochs
        for text in self.health.on_epochs(self.history, ended):
            self._note(text)
        self._check_health()
        if self.saver is None or done < self.course.batches:
            return
        if self.stopping or epoch == self.options.epochs or self.saver.due(self.updates):
            self.save()  # the last one too, so that a run can continue to more epochs

    def _validate(self) -> Validation:
        """Return the figures of the validation part now, taken once for an update."""
        assert self.validation is not None
        history, options = self.history, self.options
        if history.validations and history.validations[-1].step == self.updates:
            return history.validations[-1]
        self._check()
        weights = self.weights()
        scores = evaluate(self.network, self.validation, options.batch_size, weights)
        if not math.isfinite(scores["loss"]):
            self._refuse(f"the validation loss is {scores['loss']} after update {self.updates}")
        ends_epoch = self.now[1] % self.course.batches == 0
        record = Validation(self.updates, scores["loss"], scores["accuracy"], ends_epoch)
        all_now = History(validations=[*history.validations, record])
        if options.best_kept and all_now.best(options.monitor) == len(history.validations):
            self.best = weights
        history.validations.append(record)  # last: an interrupt before it repeats the validation
        self.notify("on_validation", record)
        self._lose_patience()
        return record

    def _check_health(self) -> None:
        """Tell what is not well with the network."""
        progress, _ = self.now
        for text in self.health.on_network(self.history, progress, self.updates):
            self._note(text)

    def _limit(self) -> None:
        """Stop where the options limit the updates or the time."""
        options = self.options
        if options.max_steps is not None and self.updates >= options.max_steps:
            self.stopping = True
        if options.max_seconds is not None and self.seconds >= options.max_seconds:
            self._stop(f"{options.max_seconds:g} seconds are over")

    def _lose_patience(self) -> None:
        """Stop where the validations have not become better for long."""
        validations, monitor = self.history.validations, self.options.monitor
        best = self.history.best(monitor)
        if self.options.patience is None or best is None:
            return
        since = len(validations) - 1 - best
        if since >= self.options.patience:
            step = validations[best].step
            self._stop(f"{since} validations without a better {monitor} than after update {step:,}")

    def _stop(self, reason: str) -> None:
        if not self.stopping:
            self.stopping = True
            self._note(f"stopped after update {self.updates:,}: {reason}")

    def _check(self) -> None:
        """Require that all is finite; if it is not, tell where that began."""
        if not bool(all_finite(self.now[0])):
            self._explain()
        self.good = self.now

    def _explain(self) -> NoReturn:
        """Repeat the updates since all was finite, up to the first that fails, and tell of it."""
        (progress, passes), epoch = self.good, len(self.history) + 1
        skip = passes - (epoch - 1) * self.course.batches
        since = self.updates - self.course.updates_after(passes)
        updates = islice(self.course.epoch(epoch, skip, self.history.losses()), since)
        found = first_failing(self.recipe, progress, updates)
        if found is None:
            self._refuse("a value is not finite, and none is when the steps are repeated")
        what, before, update = found
        kept = []
        if self.saver is not None:
            kept = [self.saver.keep_case(self.options, self.seed, before, update)]
        step = int(update.step)
        self._refuse(f"{what}, at update {step} (epoch {epoch})", *kept, step=step)

    def _refuse(self, what: str, *more: str, step: int | None = None) -> NoReturn:
        """Advise a rate below that of update `step`, the last where none is given."""
        number = self.updates if step is None else step
        rate = self.course.rate(number - 1, self.history.losses())
        advice = f"a smaller learning rate than {rate:g}, or clip_norm=1.0"
        raise XpcnnError(hint(f"training diverged: {what}", "; ".join([advice, *more])))
