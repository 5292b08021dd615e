"""The updates of a run: the batches, numbers and learning rate of each.

A function of options, seed and epoch, and for `Plateau` of the losses so far. Nothing is drawn in
sequence, so the updates can begin anywhere in a run. The factor of a schedule is checked.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy

from xpcnn import random
from xpcnn.batch_rows import Rows, rows_of
from xpcnn.config.training_options import TrainingOptions
from xpcnn.data.augment import Augmenter, is_of_xpcnn
from xpcnn.errors import ConfigError, counted, hint
from xpcnn.network import Network
from xpcnn.process_group import ALONE, Group
from xpcnn.samples import Samples
from xpcnn.schedules import after_losses
from xpcnn.types import Array

UNFROZEN = 0.1
"""Part of the learning rate for all parameters once nothing is frozen any more."""


def batches_of(samples: int, options: TrainingOptions) -> int:
    """Return the number of batches of an epoch.

    Raises:
        ConfigError: the last batch is dropped, and there is no other.
    """
    whole, rest = divmod(samples, options.batch_size)
    if not options.drop_last:
        return whole + (rest > 0)
    if whole == 0:
        message = (
            f"drop_last leaves no batch: {counted(samples, 'sample')} in batches of "
            f"{options.batch_size}"
        )
        raise ConfigError(hint(message, f"batch_size={samples}, or drop_last=False"))
    return whole


class Update(NamedTuple):
    """What one update works on: the last arguments of `training_step`."""

    batches: list[Any]
    first_pass: int
    lr: Array
    step: Array
    rows: Sequence[Rows] = ()


class Updates:
    """The updates of a run, epoch by epoch.

    batches_per_epoch, per_epoch: batches and updates of an epoch; total: updates of the whole run.
    group: the processes that share each batch.
    """

    def __init__(
        self,
        network: Network,
        train: Samples,
        options: TrainingOptions,
        seed: int,
        group: Group = ALONE,
    ) -> None:
        self.train, self.options, self.seed, self.group = train, options, seed, group
        self.dtype, self.to_device = network.dtype, network.backend.from_host
        self.batches_per_epoch = batches_of(len(train), options)
        self.per_epoch = -(-self.batches_per_epoch // options.accumulate)
        self.total = self.total_for(options.epochs, options.max_steps)
        self.augmenter = Augmenter(
            options.augment,
            network.backend,
            seed=seed,
            shape=network.input_shape,
            outputs=network.output_shape[0],
            dtype=network.dtype,
        )

    def total_for(self, epochs: int, most: int | None) -> int:
        """Return the updates of a run of `epochs` epochs, `most` of them at most."""
        total = self.per_epoch * epochs
        return total if most is None else min(total, most)

    def done_after(self, passes: int) -> int:
        """Return the updates done after `passes` forward passes."""
        epochs, rest = divmod(passes, self.batches_per_epoch)
        return epochs * self.per_epoch + -(-rest // self.options.accumulate)

    def samples_after(self, passes: int) -> int:
        """Return the samples seen in an epoch after `passes` of its batches."""
        return min(passes * self.options.batch_size, len(self.train))

    def rate(self, step: int, losses: Sequence[float], total: int | None = None) -> float:
        """Return the learning rate of an update.

        Args:
            step: its number, from 1.
            losses: one of every epoch before; see `History.losses`.
            total: updates of the whole run; by default `self.total`.
        """
        return self.options.optimizer.lr * self.factor(step, losses, total)

    def factor(self, step: int, losses: Sequence[float], total: int | None = None) -> float:
        """Return the schedule's factor of the optimizer's own rate; arguments as in `rate`.

        After epoch `unfreeze_after`, the factor is a tenth of the schedule's.

        Raises:
            ConfigError: the factor is not a finite number of at least 0.
        """
        total = self.total if total is None else total
        done = step - 1  # what schedules count
        factor = after_losses(self.options.whole_schedule(), losses)(done, total)
        if isinstance(factor, Real) and 0.0 <= factor < math.inf:
            return float(factor) * (UNFROZEN if self.is_unfrozen(step) else 1.0)
        schedule = self.options.schedule
        name = getattr(schedule, "__name__", type(schedule).__name__)
        got = f"{factor}" if isinstance(factor, Real) else type(factor).__name__
        message = f"schedule {name} gives {got} at step {done} of {total}"
        raise ConfigError(hint(message, "a finite factor >= 0 for every step, counted from 0"))

    def is_unfrozen(self, step: int) -> bool:
        """Whether an update, from 1, comes after the epoch `unfreeze_after`."""
        after = self.options.unfreeze_after
        return after is not None and step > after * self.per_epoch

    def epoch(
        self, epoch: int, skip: int, losses: Sequence[float], *, in_step: bool = False
    ) -> Generator[Update]:
        """Yield the updates of an epoch (from 1) after its first `skip` batches.

        losses: one of every epoch before; see `History.losses`.
        in_step: whether steps make their batches, by `batch`; see `can_be_made_in_steps`.
        """
        size, together = self.options.batch_size, self.options.accumulate
        passed, done = (epoch - 1) * self.batches_per_epoch, (epoch - 1) * self.per_epoch
        steps = range(done + 1, done + self.per_epoch + 1)
        rates = [self.rate(step, losses) for step in steps]
        lr = self.to_device(numpy.asarray(rates, dtype=self.dtype))
        step = self.to_device(numpy.asarray(steps, dtype=self.dtype))
        order = random.permutation(self.seed, len(self.train), epoch)
        order = order[: self.batches_per_epoch * size]  # all, unless the last batch is dropped
        source = self._batch_inputs if in_step else self._made_batches

        batches: list[Any] = []
        parts: list[Rows] = []
        for i, (batch, rows) in enumerate(source(epoch, order, skip), skip):
            batches.append(batch)
            parts.append(rows)
            if len(batches) == together or i + 1 == self.batches_per_epoch:
                u = i // together
                first_pass = passed + i + 2 - len(batches)
                yield Update(batches, first_pass, lr[u, ...], step[u, ...], parts)
                batches, parts = [], []

    @property
    def can_be_made_in_steps(self) -> bool:
        """Whether batches can be made within steps: of samples on the device, by functions of ours,
        in a process that trains alone.
        """
        known = all(is_of_xpcnn(item) for item in self.options.augment)
        return self.train.on_device and self.group.size == 1 and known

    def batch(self, rows: tuple[Array, Sequence[Array]], forward_pass: int | Array) -> Any:
        """Return samples and labels of a batch.

        rows: indices of its samples, and their rows of `Augmenter.drawn`.
        """
        indices, drawn = rows
        x, labels = self.train.batch(indices)
        return self.augmenter.apply(x, labels, drawn, forward_pass)

    def _batch_inputs(
        self, epoch: int, order: numpy.ndarray, skip: int
    ) -> Iterator[tuple[tuple[Array, Sequence[Array]], Rows]]:
        """Yield for each batch after the first `skip` the argument of `batch`, and its rows.

        order: indices of the samples in the order of the batches, on the host.
        """
        indices, drawn = self.to_device(order), self.augmenter.drawn(epoch, order)
        size, count = self.options.batch_size, len(order)
        for start in range(skip * size, count, size):
            stop = min(start + size, count)
            own = tuple(p[start:stop, ...] for p in drawn)
            yield (indices[start:stop], own), rows_of(self.group, stop - start)

    def _made_batches(
        self, epoch: int, order: numpy.ndarray, skip: int
    ) -> Iterator[tuple[tuple[Array, Array], Rows]]:
        """Yield the samples and labels of each batch after the first `skip`, and its rows.

        order: as in `_batch_inputs`. Of a group, they are those of this process.
        """
        shares = self._shares(order)
        augmented = self.augmenter.epoch(epoch, numpy.concatenate([s.order for s in shares]))
        passed = (epoch - 1) * self.batches_per_epoch
        for i, (x, labels, start, share) in enumerate(self._raw_batches(shares, skip), skip):
            x, labels = augmented(x, labels, start, passed + i + 1, share.read)
            yield (x[share.own, ...], labels[share.own, ...]), share.rows

    def _shares(self, order: numpy.ndarray) -> list["_Share"]:
        """Return what this process reads of the batches of an epoch: the full ones, and the last.

        order: indices of the samples in the order of the batches, on the host.
        """
        size, shares = self.options.batch_size, list[_Share]()
        full = len(order) - len(order) % size
        for batches, total in ((order[:full], size), (order[full:], len(order) - full)):
            if len(batches) > 0:
                rows = rows_of(self.group, total)
                read = rows.with_before(self.augmenter.reach)
                columns = numpy.arange(read.first, read.first + read.count)
                indices = batches.reshape(-1, total)[:, columns].reshape(-1)
                shares.append(_Share(indices, read, rows))
        return shares

    def _raw_batches(
        self, shares: Sequence["_Share"], skip: int
    ) -> Iterator[tuple[Array, Array, int, "_Share"]]:
        """Yield the samples that are read of each batch after the first `skip`, and their labels.

        Also yield the index of the first of them among all that are read in the epoch, and their
        share.
        """
        start = 0
        for share in shares:
            count = share.read.count
            skipped = min(skip * count, len(share.order))
            skip -= skipped // count
            start += skipped
            for x, labels in self.train.batches(count, self.to_device(share.order[skipped:])):
                yield x, labels, start, share
                start += count


class _Share(NamedTuple):
    """What a process reads of batches of one size.

    order: indices of the samples, batch after batch.
    read: which rows of each batch they are: those that are computed, and those mixed into them.
    rows: which of them are computed.
    """

    order: numpy.ndarray
    read: Rows
    rows: Rows

    @property
    def own(self) -> slice:
        """Where the rows that are computed lie in those that are read."""
        first = self.rows.first - self.read.first
        return slice(first, first + self.rows.count)
