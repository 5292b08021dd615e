"""The course of a run: which batches, numbers and learning rates each of its updates has.

A function of options, seed and epoch, and for `Plateau` of the losses so far: nothing is drawn one
after the other, so a course can be taken up anywhere. Refuses what a schedule must not give.
"""

import math
from collections.abc import Iterator, Sequence
from numbers import Real
from typing import NamedTuple

import numpy

from xpcnn import random
from xpcnn.data.augment import Augmenter
from xpcnn.errors import ConfigError, hint
from xpcnn.network import Network
from xpcnn.samples import Samples
from xpcnn.schedules import after
from xpcnn.training.options import TrainingOptions
from xpcnn.types import Array


def batches_of(samples: int, options: TrainingOptions) -> int:
    """Return how many batches an epoch has.

    Raises:
        ConfigError: none, as the last one is dropped.
    """
    whole, rest = divmod(samples, options.batch_size)
    if not options.drop_last:
        return whole + (rest > 0)
    if whole == 0:
        message = f"drop_last leaves no batch: {samples} samples in batches of {options.batch_size}"
        raise ConfigError(hint(message, f"batch_size={samples}, or drop_last=False"))
    return whole


class Update(NamedTuple):
    """What one update works on: the last arguments of `training_step`."""

    batches: list[tuple[Array, Array]]
    number: int
    lr: Array
    step: Array


class Course:
    """The updates of a run, epoch by epoch.

    batches, updates: of an epoch; total: updates of the whole run.
    """

    def __init__(
        self, network: Network, train: Samples, options: TrainingOptions, seed: int
    ) -> None:
        self.train, self.options, self.seed = train, options, seed
        self.dtype, self.from_host = network.dtype, network.backend.from_host
        self.batches = batches_of(len(train), options)
        self.updates = -(-self.batches // options.accumulate)
        self.total = self.total_of(options.epochs)
        self.augmenter = Augmenter(
            options.augment,
            network.backend,
            seed=seed,
            shape=network.input_shape,
            outputs=network.output_shape[0],
            dtype=network.dtype,
        )

    def total_of(self, epochs: int) -> int:
        """Return the updates of a whole run of so many epochs."""
        total, most = self.updates * epochs, self.options.max_steps
        return total if most is None else min(total, most)

    def updates_after(self, passes: int) -> int:
        """Return the updates done after so many forward passes."""
        epochs, rest = divmod(passes, self.batches)
        return epochs * self.updates + -(-rest // self.options.accumulate)

    def samples_after(self, passes: int) -> int:
        """Return the samples seen in an epoch after so many of its batches."""
        return min(passes * self.options.batch_size, len(self.train))

    def rate(self, step: int, losses: Sequence[float], total: int | None = None) -> float:
        """Return the learning rate of an update (from 0); losses as of `epoch`.

        total: updates of the whole run, where it is another.
        """
        return self.options.optimizer.lr * self.factor(step, losses, total)

    def factor(self, step: int, losses: Sequence[float], total: int | None = None) -> float:
        """Return by what the schedule multiplies the optimizer's own rate; arguments as of `rate`.

        Raises:
            ConfigError: that is no finite number of at least 0.
        """
        total = self.total if total is None else total
        factor = after(self.options.whole_schedule(), losses)(step, total)
        if isinstance(factor, Real) and 0.0 <= factor < math.inf:
            return float(factor)
        schedule = self.options.schedule
        name = getattr(schedule, "__name__", type(schedule).__name__)
        got = f"{factor}" if isinstance(factor, Real) else type(factor).__name__
        message = f"schedule {name} gives {got} at step {step} of {total}"
        raise ConfigError(hint(message, "a finite factor >= 0 for every step, counted from 0"))

    def epoch(self, epoch: int, skip: int, losses: Sequence[float]) -> Iterator[Update]:
        """Yield the updates of an epoch (from 1) after its first `skip` batches.

        losses: those of the epochs before; see `History.losses`.
        """
        size, together = self.options.batch_size, self.options.accumulate
        passed, done = (epoch - 1) * self.batches, (epoch - 1) * self.updates
        steps = range(done, done + self.updates)
        rates = [self.rate(step, losses) for step in steps]
        lr = self.from_host(numpy.asarray(rates, dtype=self.dtype))
        step = self.from_host(numpy.asarray(steps, dtype=self.dtype) + 1)
        order = random.permutation(self.seed, len(self.train), epoch)
        order = order[: self.batches * size]  # all, unless the last batch is dropped
        augmented = self.augmenter.epoch(epoch, order)

        group: list[tuple[Array, Array]] = []
        rest = self.train.batches(size, self.from_host(order[skip * size :]))
        for i, (x, labels) in enumerate(rest, skip):
            group.append(augmented(x, labels, i * size, passed + i + 1))
            if len(group) == together or i + 1 == self.batches:
                u = i // together
                number = passed + i + 2 - len(group)
                yield Update(group, number, lr[u, ...], step[u, ...])
                group = []
