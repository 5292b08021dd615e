"""Multi-label: several labels for each sample, each there or not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.errors import ConfigError, hint
from xpcnn.losses import BY_NAME as LOSSES
from xpcnn.losses import BCEWithLogits, Loss, without_weights
from xpcnn.options import number
from xpcnn.target_metrics import average_precision, per_label
from xpcnn.tasks.base import Task, array_like
from xpcnn.types import Array, TaskName, namespace


@dataclass(frozen=True)
class MultiLabel(Task):
    """Several labels for each sample, each there or not: 0 and 1, floats (n, k), k of 2 or more.

    A sample is right where all its labels are, which the accuracy counts. The figures: f1, the mean
    of F1 over the labels that samples have; average_precision, the mean over them of the area
    under the curve of precision over recall.

    thresholds: the probability from which on a label is predicted to be there, above 0 and below 1:
        one for each label; None for 0.5.

    Raises:
        ConfigError: a threshold is out of range.
    """

    name: ClassVar[TaskName] = "multi-label"
    figures: ClassVar[tuple[str, ...]] = ("f1", "average_precision")

    thresholds: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.thresholds is None:
            return
        advice = "thresholds=(0.5, 0.3), one for each label"
        given = tuple(
            number("MultiLabel", "thresholds", x, (0.0, 1.0), advice) for x in self.thresholds
        )
        if 0.0 in given:
            raise ConfigError(
                hint("MultiLabel: thresholds has 0, expected numbers above 0", advice)
            )
        object.__setattr__(self, "thresholds", given)

    def default_loss(self) -> Loss:
        return BCEWithLogits()

    def suits(self, loss: Loss) -> bool:
        return isinstance(loss, BCEWithLogits) or type(loss) not in LOSSES.values()

    def check(self, outputs: int, loss: Loss, names: Sequence[str]) -> None:
        super().check(outputs, loss, names)
        if self.thresholds is not None and len(self.thresholds) != len(names):
            message = f"there are {len(self.thresholds)} thresholds for {len(names)} labels"
            raise ConfigError(hint(message, "one for each label, or none"))

    def counts(self, targets: numpy.ndarray, names: int) -> list[int]:
        return [int(count) for count in targets.sum(axis=0)]

    def random(self, rng: numpy.random.Generator, samples: int, outputs: int) -> numpy.ndarray:
        return rng.integers(0, 2, (samples, outputs)).astype(numpy.float64)

    def hits(self, loss: Loss, scores: Array, targets: Array) -> Array:
        xp = namespace(scores)
        labels, _ = without_weights(targets, scores.shape[1])
        right = xp.all(self.decide(loss, scores) == xp.astype(labels >= 0.5, xp.int64), axis=1)
        return xp.sum(xp.astype(right, xp.int64))

    def decide(self, loss: Loss, scores: Array) -> Array:
        return self.decided(loss.probabilities(scores))

    def decided(self, estimates: Array) -> Array:
        xp = namespace(estimates)
        return xp.astype(estimates >= self.limits(estimates), xp.int64)

    def measure(self, estimates: numpy.ndarray, targets: numpy.ndarray) -> dict[str, float]:
        found = per_label(estimates, targets, self.limits(estimates))
        there = numpy.flatnonzero(found["support"])
        if not there.size:  # no sample has any label
            return dict.fromkeys(self.figures, math.nan)
        areas = [average_precision(estimates[:, k], targets[:, k]) for k in there]
        return {
            "f1": float(found["f1"][there].mean()),
            "average_precision": float(numpy.mean(areas)),
        }

    def limits(self, p: Array) -> Array | float:
        """Return the thresholds, as an array (k,) like the probabilities p, or one for all."""
        return 0.5 if self.thresholds is None else array_like(p, self.thresholds)
