"""Classification: one class of several for each sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn import ops
from xpcnn.errors import LabelError, counted, hint
from xpcnn.losses import MSE, Loss, SoftmaxCrossEntropy, outputs_for, without_weights
from xpcnn.tasks.base import Task
from xpcnn.types import Array, TaskName


@dataclass(frozen=True)
class Classification(Task):
    """One class of several for each sample: whole numbers (n,)."""

    name: ClassVar[TaskName] = "classification"

    def default_loss(self) -> Loss:
        return SoftmaxCrossEntropy()

    def check(self, outputs: int, loss: Loss, names: Sequence[str]) -> None:
        if outputs in outputs_for(loss, len(names)):
            return
        advice = f"a last layer Dense({len(names)})"
        if outputs == 1 and len(names) == 2:
            advice += ", or for one output Model(..., loss=losses.BCEWithLogits())"
        raise LabelError(
            hint(
                f"the network has {counted(outputs, 'output')} for {counted(len(names), 'class')}",
                advice,
            )
        )

    def check_loss(self, loss: Loss) -> None:
        """Take every loss."""

    def suits(self, loss: Loss) -> bool:
        return True

    def counts(self, targets: numpy.ndarray, names: int) -> list[int]:
        found: list[int] = numpy.bincount(targets, minlength=names).tolist()
        return found

    def scaled(self, targets: numpy.ndarray, dtype: str) -> numpy.ndarray:
        return targets

    def random(self, rng: numpy.random.Generator, samples: int, outputs: int) -> numpy.ndarray:
        return rng.integers(0, max(2, outputs), samples)

    def hits(self, loss: Loss, scores: Array, targets: Array) -> Array:
        return ops.count_equal(loss.decide(scores), class_labels(targets, scores.shape[1]))

    def decide(self, loss: Loss, scores: Array) -> Array:
        return loss.decide(scores)

    def decided(self, estimates: Array) -> Array:
        return ops.most_probable(estimates)


def class_labels(labels: Array, outputs: int) -> Array:
    """Return labels as class indices (n,): of probabilities (n, outputs), the most probable one."""
    return labels if labels.ndim == 1 else MSE().decide(without_weights(labels, outputs)[0])
