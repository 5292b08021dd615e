"""What every task says of targets and scores.

n is the number of samples, k that of labels or numbers, which is that of the scores. Targets on the
device are those that the network learns from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.errors import ConfigError, LabelError, counted, hint
from xpcnn.losses import Loss
from xpcnn.types import Array, TaskName, device, namespace


@dataclass(frozen=True)
class Task:
    """What a task says of targets and scores; one of `Classification`, `MultiLabel`, `Regression`.

    name: of the task.
    least: how many classes, labels or numbers there are at least.
    counts_hits: whether a sample is right or wrong, so that there is an accuracy.
    figures: names of the figures that every validation has beside loss and accuracy.
    """

    name: ClassVar[TaskName]
    least: ClassVar[int] = 2
    counts_hits: ClassVar[bool] = True
    figures: ClassVar[tuple[str, ...]] = ()

    def default_loss(self) -> Loss:
        """Return the loss of a network for which none is given."""
        raise NotImplementedError

    def check(self, outputs: int, loss: Loss, names: Sequence[str]) -> None:
        """Require a network and a loss that fit the names of classes, labels or numbers.

        Raises:
            LabelError: the network has another number of outputs.
            ConfigError: the loss is none for the task.
        """
        self.check_loss(loss)
        if len(names) < self.least:
            message = f"there is one label, {names[0]!r}, and multi-label means two or more"
            raise LabelError(hint(message, "the task 'classification' with the classes no and yes"))
        if outputs != len(names):
            what = {"multi-label": "label", "regression": "number"}[self.name]
            message = (
                f"the network has {counted(outputs, 'output')} for {counted(len(names), what)}"
            )
            raise LabelError(hint(message, f"a last layer Dense({len(names)})"))

    def check_loss(self, loss: Loss) -> None:
        """Require a loss that fits the task.

        Raises:
            ConfigError: it is none, or has weights of classes where there are no classes.
        """
        if not self.suits(loss):
            message = f"the loss {type(loss).__name__} is none for {self.name} targets"
            raise ConfigError(hint(message, f"{type(self.default_loss()).__name__}"))
        if getattr(loss, "class_weights", None) is not None:
            message = f"class_weights are given for {self.name} targets, which have no classes"
            advice = "no weights"
            if self.name == "multi-label":
                advice = "positive_weights='balanced', how much the yes of each label counts"
            raise ConfigError(hint(message, advice))

    def suits(self, loss: Loss) -> bool:
        """Whether a loss may go with the task; those of the user's own may."""
        raise NotImplementedError

    def counts(self, targets: numpy.ndarray, names: int) -> list[int]:
        """Return how many training samples have each class or label, of `names` in all."""
        raise NotImplementedError

    def adapted(self, targets: numpy.ndarray) -> "Task":
        """Return the task with what it takes from the first training data."""
        return self

    def scaled(self, targets: numpy.ndarray, dtype: str) -> numpy.ndarray:
        """Return the targets of samples as the network learns them, floats in its dtype."""
        return targets.astype(dtype)

    def unscaled(self, targets: numpy.ndarray) -> numpy.ndarray:
        """Return in the units of the user what `scaled` returned."""
        return targets

    def random(self, rng: numpy.random.Generator, samples: int, outputs: int) -> numpy.ndarray:
        """Return random targets, to measure with."""
        raise NotImplementedError

    def hits(self, loss: Loss, scores: Array, targets: Array) -> Array:
        """Return how many samples are right, whatever their weights: 0-d int64, on the device."""
        raise NotImplementedError

    def estimates(self, loss: Loss, scores: Array) -> Array:
        """Return probabilities of classes or labels (n, k), or numbers in the user's units."""
        return loss.probabilities(scores)

    def decide(self, loss: Loss, scores: Array) -> Array:
        """Return what is predicted: classes (n,), labels 0 and 1 (n, k), int64; or numbers."""
        raise NotImplementedError

    def decided(self, estimates: Array) -> Array:
        """Return what `decide` would for estimates (n, k), such as means over views."""
        return estimates

    def measure(self, estimates: numpy.ndarray, targets: numpy.ndarray) -> dict[str, float]:
        """Return the `figures` by name, of all samples of a validation."""
        return {}


def array_like(x: Array, values: Sequence[float]) -> Array:
    """Return numbers as an array (k,) of the dtype and device of x (n, k)."""
    return namespace(x).asarray(list(values), dtype=x.dtype, device=device(x))
