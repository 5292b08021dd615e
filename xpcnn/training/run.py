"""A run: trains a network epoch by epoch, validates it, saves checkpoints, and ends.

What `model.fit(train, epochs=5, validation=0.1)` does, step by step:

    Model.fit           checks the arguments, splits the validation part off, takes mean and
                        deviation of the training part, and moves the samples to the device
    Run.train           resumes from a checkpoint, if that is asked for; at the end, gives the
                        network the new weights, or the best ones
    Run.run_epochs      trains epochs until the last one, a limit, patience or a callback ends them
    Updates.epoch       the batches of an epoch in a new order, augmented, and their learning rates
    Run.run_update      training_step (step.py): forward, loss (times the loss scale of float16)
                        and backward of each batch; sum over processes; division by the scale;
                        l1, clipping, optimizer and weight average; then the callbacks
    Run.between_updates validates and saves within an epoch, where that is due
    Run.run_epoch       after the last update: requires finite values (divergence_check.py)
    Run.end_epoch       validates (validation.py), records the epoch, calls the callbacks, checks
                        the health of the network, and saves a checkpoint

A run reads from the device once per epoch, validation and checkpoint. Every decision is a function
of the options and the history, so that a resumed run ends with the same bits.
"""

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy

from xpcnn.config.training_options import TrainingOptions
from xpcnn.network import Network
from xpcnn.process_group import ALONE, Group
from xpcnn.samples import Samples
from xpcnn.signals import Noted, deferred, raise_interrupt, shielded
from xpcnn.training.callbacks import Callback
from xpcnn.training.divergence_check import DivergenceCheck
from xpcnn.training.health_notes import HealthNotes
from xpcnn.training.history import History
from xpcnn.training.ignored_class import check_ignored
from xpcnn.training.loss_scale import skipped_note
from xpcnn.training.option_checks import check_task, check_validation
from xpcnn.training.prefetch import prefetched
from xpcnn.training.progress import Position
from xpcnn.training.run_state import RunState
from xpcnn.training.saver import Saver
from xpcnn.training.step import training_step
from xpcnn.training.stopping import stop_at_limits, stop_without_improvement
from xpcnn.training.updates import Update
from xpcnn.training.validation import Validator
from xpcnn.training.waiting_time import Waiting


class Run:
    """One training of a network.

    Args:
        network: gets its new weights when training ends.
        train: samples to train on, in a new order every epoch.
        validation: samples to evaluate on after every epoch; None for no validation.
        options: how to train.
        seed: of shuffling, dropout and augmentation.
        callbacks: called at the moments of the run.
        saver: writes checkpoints, and resumes the run; None for no checkpoints.
        health: whether to note problems of training; see `Model.fit`.
        group: the processes that train together, each with a run of the same arguments.

    Raises:
        ConfigError: the options do not fit the network or the samples.
    """

    def __init__(
        self,
        network: Network,
        train: Samples,
        validation: Samples | None,
        options: TrainingOptions,
        seed: int,
        callbacks: Sequence[Callback] = (),
        saver: Saver | None = None,
        health: bool | None = None,
        group: Group = ALONE,
    ) -> None:
        check_validation(options, validation is not None)
        check_task(options, network.task)
        check_ignored(network, train, options)
        self.network, self.options = network, options
        self.state = RunState(network, train, options, seed, callbacks, group)
        self.updates, self.notify = self.state.updates, self.state.notify
        self.divergence = DivergenceCheck(self.state, saver)
        self.validator = Validator(validation, self.state, self.divergence)
        self.health = HealthNotes(health, self.state, validation)
        self.saver, self.group = saver, group
        self.save_is_due, self.signal = False, Noted()

    def train(self) -> History:
        """Train to the end, give the network its new weights, and return the history.

        An interrupt (KeyboardInterrupt) gives the network the weights of the last update, an error
        leaves it as it was. Both save a checkpoint, if the run saves any and its values are finite.

        Raises:
            XpcnnError: a loss, gradient or weight is not finite.
            CheckpointError: there are checkpoints, and none can be read. One that cannot be written
                is noted, and tried again.
            ConfigError: the checkpoint belongs to another run.
        """
        if self.saver is not None and self.saver.resume:
            self.resume(self.saver)
        network, state = self.network, self.state
        try:
            with ExitStack() as stack:
                stack.enter_context(network.backend.session())
                stack.enter_context(numpy.errstate(all="ignore"))  # divergence is reported
                if self.group.size > 1:
                    self.signal = stack.enter_context(deferred())
                stack.enter_context(network.training())
                self.run_epochs()
        except (KeyboardInterrupt, Exception) as error:
            with shielded():
                self.rescue(error)
                if isinstance(error, KeyboardInterrupt):
                    network.params, network.buffers = state.weights()
                    error.add_note(f"The model has the weights after step {state.step:,}.")
            raise
        before = network.params, network.buffers
        network.params, network.buffers = state.best or state.weights()
        try:
            self.notify("on_end", state.history)
        except Exception:
            network.params, network.buffers = before
            raise
        return state.history

    def run_epochs(self) -> None:
        """Train the epochs that are left."""
        state, epochs = self.state, self.options.epochs
        self.notify("on_start", state.history, state.step, self.updates.total)
        stop_at_limits(state)
        stop_without_improvement(state)
        self.agree()
        if state.now.passes == 0:
            self.health.check_lengths(may_continue=self.saver is not None)
            self.health.check_network()
        while (epoch := len(state.history) + 1) <= epochs:
            if state.stopping and state.batches(epoch) <= 0:  # below 0 after one that was cut short
                break
            self.run_epoch(epoch)

    def run_epoch(self, epoch: int) -> None:
        """Train one epoch, or the rest of one that was interrupted, and record it."""
        state, start, resumed_at = self.state, time.perf_counter(), self.state.batches(epoch)
        self.notify("on_epoch_start", epoch)
        self.agree()
        if resumed_at == 0:
            if state.stopping:
                return
            state.now = state.now._replace(progress=state.now.progress.with_zero_sums())
        else:
            self.between_updates()  # what was due when the run was interrupted
        losses, in_step = state.history.losses(), state.in_step
        # measured on two cores, with one thread: 1.15 x for `tiny`, 1.19 x for `medium`; with two,
        # and without augmentation, no gain
        last = None
        session = self.network.backend.session
        prepare_ahead = not in_step and (self.options.augment or self.updates.train.upload_ahead)
        # After an error, whose traceback refers to them, garbage collection would close them: in
        # the middle of a thread's start, to wait there for another thread would never end.
        with (
            closing(self.updates.epoch(epoch, resumed_at, losses, in_step=in_step)) as updates,
            closing(prefetched(updates, session) if prepare_ahead else updates) as prepared,
        ):
            waiting = Waiting(prepared)
            for update in waiting:
                if state.stopping:
                    break
                self.run_update(update, epoch)
                self.between_updates()
                last = update
        self.divergence.require_finite()  # waits for the device
        if last is not None:
            self.give_snapshot(last, epoch)
        self.end_epoch(epoch, resumed_at, time.perf_counter() - start, waiting.seconds)

    def run_update(self, update: Update, epoch: int) -> None:
        """Do one update."""
        state, (progress, passes) = self.state, self.state.now
        progress = training_step(state.recipe, progress, *update)
        state.now = Position(progress, passes + len(update.batches))  # both at once: interrupts
        self.notify("on_step", state.step)
        if state.notifier.look_is_due():
            if state.notifier.wants_loss:
                self.notify("on_loss", state.step, state.mean_loss(epoch))
            self.give_snapshot(update, epoch)
        stop_at_limits(state)
        self.agree()

    def agree(self) -> None:
        """Decide whether to stop, to save, or to end after a signal: for all processes of a group.

        What clocks, callbacks or signals say in one process holds for all. All else that a run
        decides depends on values that every process has.
        """
        state, saver = self.state, self.saver
        self.save_is_due = saver is not None and saver.due(state.step)
        if self.group.size == 1:
            return
        own = (state.stopping, self.save_is_due, self.signal.number)
        stopping, due, number = self.group.agree([int(decision) for decision in own])
        self.save_is_due = bool(due)
        if stopping and not state.stopping:
            state.stop("another process stopped")
        if number:
            raise_interrupt(number)

    def give_snapshot(self, update: Update, epoch: int) -> None:
        """Give a snapshot after an update to the callbacks that want one."""
        if self.state.notifier.wants_snapshot:
            self.notify("on_snapshot", self.state.snapshot(update, epoch))

    def between_updates(self) -> None:
        """Validate and save where that is due within an epoch; for its end see `end_epoch`."""
        state, every = self.state, self.options.validate_every
        if not state.is_mid_epoch():
            return
        if every is not None and state.step % every == 0:
            self.validator.validate()
        if self.saver is not None and (state.stopping or self.save_is_due):
            self.save(self.saver)

    def end_epoch(self, epoch: int, resumed_at: int, seconds: float, waited: float) -> None:
        """Validate at the end of an epoch, whole or cut short, record it, and save where due.

        resumed_at: batches of the epoch done by an earlier process; seconds: of this process.
        waited: those of them that it waited for batches.
        """
        state, loss = self.state, self.state.mean_loss(epoch)
        if not math.isfinite(loss):  # each was, their sum is not
            self.divergence.fail(f"the mean loss is {loss} after update {state.step}")
        begin = time.perf_counter()
        validation = self.validator.validate()
        record = state.epoch_record(epoch, loss, validation, resumed_at, seconds)
        validated = None if validation is None else time.perf_counter() - begin
        record = replace(record, data_seconds=waited, validation_seconds=validated)
        state.history.epochs.append(record)
        self.notify("on_epoch_end", record)
        self.agree()
        if (problem := getattr(state.recipe.steps, "problem", None)) is not None:
            state.note(problem)
        is_last = state.stopping or epoch == self.options.epochs
        if is_last and (note := skipped_note(state.now.progress.scaling, state.step)) is not None:
            state.note(note)
        self.health.check_curves(is_last)
        self.health.check_network()
        if self.saver is None or state.is_mid_epoch():
            return
        if is_last or self.save_is_due:
            self.save(self.saver)  # the last one too, so that a run can continue to more epochs

    def save(self, saver: Saver) -> None:
        """Write a checkpoint, of finite values only."""
        self.divergence.require_finite()
        saver.write(self.state)

    def resume(self, saver: Saver) -> None:
        """Continue from the newest checkpoint, if there is one."""
        saver.restore(self.state)
        self.divergence.good = self.state.now

    def rescue(self, error: BaseException) -> None:
        """Save an interrupted run, or go back to the last position where all was finite.

        A group saves after a signal, which every process hears of, and not after the error of one.
        """
        is_everywhere = self.group.size == 1 or isinstance(error, KeyboardInterrupt)
        if not self.divergence.is_finite():
            self.state.now = self.divergence.good
        elif not is_everywhere:
            return
        elif self.saver is not None and self.state.now.passes > 0:
            self.save(self.saver)
