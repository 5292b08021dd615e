"""Tasks: what the targets of samples are, and how the scores of a network answer them.

`Classification`: one class of several. `MultiLabel`: several labels, each there or not.
`Regression`: one number, or several. A network has a task beside its loss: the loss says how wrong
scores are, the task what they mean. n is the number of samples, k that of labels or numbers, which
is that of the scores. Targets on the device are those that the network learns from.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy

from xpcnn.errors import ConfigError, LabelError, hint
from xpcnn.losses import BY_NAME as LOSSES
from xpcnn.losses import (
    MSE,
    BCEWithLogits,
    Loss,
    SoftmaxCrossEntropy,
    outputs_for,
    without_weights,
)
from xpcnn.options import find, number, shown
from xpcnn.target_metrics import (
    average_precision,
    mean_absolute_error,
    per_label,
    r2,
    root_mean_squared_error,
)
from xpcnn.types import Array, TaskName, namespace


@dataclass(frozen=True)
class Task:
    """What a task says of targets and scores; one of `Classification`, `MultiLabel`, `Regression`.

    name: of the task. least: how many classes, labels or numbers there are at least. counts_hits:
    whether a sample is right or wrong, so that there is an accuracy. figures: names of the figures
    that every validation has beside loss and accuracy.
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
            what = {"multi-label": "labels", "regression": "numbers"}[self.name]
            many = "1 output" if outputs == 1 else f"{outputs} outputs"
            message = f"the network has {many} for {len(names)} {what}"
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
        """Return how many training samples have each of so many classes or labels."""
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

    def measure(self, estimates: numpy.ndarray, targets: numpy.ndarray) -> dict[str, float]:
        """Return the `figures` by name, of all samples of a validation."""
        return {}


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
        many = "1 output" if outputs == 1 else f"{outputs} outputs"
        raise LabelError(hint(f"the network has {many} for {len(names)} classes", advice))

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
        xp = namespace(scores)
        right = loss.decide(scores) == class_labels(targets, scores.shape[1])
        return xp.sum(xp.astype(right, xp.int64))

    def decide(self, loss: Loss, scores: Array) -> Array:
        return loss.decide(scores)


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
        return self.reached(loss.probabilities(scores))

    def reached(self, p: Array) -> Array:
        """Return which probabilities (n, k) reach the thresholds: 0 and 1, int64."""
        xp = namespace(p)
        return xp.astype(p >= self.limits(p), xp.int64)

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
        return 0.5 if self.thresholds is None else _like(p, self.thresholds)


@dataclass(frozen=True)
class Regression(Task):
    """Numbers for each sample: floats (n, k), k of 1 or more.

    The network learns (number - mean) / std, in which 1.0 is a loss (MSE) as good as always the
    mean. Predictions and the figures mae, rmse and r2 are in the units of the user; there is no
    accuracy. mae = mean |error| and rmse = sqrt(mean error^2), over samples and numbers; r2 as
    `target_metrics.r2`.

    mean, std: of each number in the first training data, which `Model.fit` takes from them; 1.0
        where all are equal. None before.

    Raises:
        ConfigError: one is given without the other, or std is not above 0.
    """

    name: ClassVar[TaskName] = "regression"
    least: ClassVar[int] = 1
    counts_hits: ClassVar[bool] = False
    figures: ClassVar[tuple[str, ...]] = ("mae", "rmse", "r2")

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.std is None):
            raise ConfigError(hint("Regression: mean and std go together", "both, or neither"))
        if self.mean is None or self.std is None:
            return
        if len(self.mean) != len(self.std) or not min(self.std, default=1.0) > 0.0:
            message = "Regression: std has not one number above 0 for each of mean"
            raise ConfigError(hint(message, "mean=(0.0,), std=(1.0,)"))

    def default_loss(self) -> Loss:
        return MSE()

    def suits(self, loss: Loss) -> bool:
        return not isinstance(loss, SoftmaxCrossEntropy | BCEWithLogits)

    def check(self, outputs: int, loss: Loss, names: Sequence[str]) -> None:
        super().check(outputs, loss, names)
        if self.mean is not None and len(self.mean) != len(names):
            message = f"there are {len(self.mean)} means of targets for {len(names)} numbers"
            raise ConfigError(hint(message, "one for each number, or none"))

    def counts(self, targets: numpy.ndarray, names: int) -> list[int]:
        return []

    def random(self, rng: numpy.random.Generator, samples: int, outputs: int) -> numpy.ndarray:
        return rng.normal(size=(samples, outputs))

    def adapted(self, targets: numpy.ndarray) -> Task:
        if self.mean is not None:
            return self
        std = targets.std(axis=0)
        mean, std = targets.mean(axis=0), numpy.where(std > 0.0, std, 1.0)
        return Regression(tuple(mean.tolist()), tuple(std.tolist()))

    def scaled(self, targets: numpy.ndarray, dtype: str) -> numpy.ndarray:
        if self.mean is not None:
            targets = (targets - numpy.asarray(self.mean)) / numpy.asarray(self.std)
        return targets.astype(dtype)

    def unscaled(self, targets: numpy.ndarray) -> numpy.ndarray:
        if self.mean is None:
            return targets
        exact: numpy.ndarray = targets * numpy.asarray(self.std) + numpy.asarray(self.mean)
        return exact

    def hits(self, loss: Loss, scores: Array, targets: Array) -> Array:
        xp = namespace(scores)
        return xp.asarray(0, dtype=xp.int64, device=scores.device)

    def estimates(self, loss: Loss, scores: Array) -> Array:
        if self.mean is None or self.std is None:
            return scores
        return scores * _like(scores, self.std) + _like(scores, self.mean)

    def decide(self, loss: Loss, scores: Array) -> Array:
        return self.estimates(loss, scores)

    def measure(self, estimates: numpy.ndarray, targets: numpy.ndarray) -> dict[str, float]:
        exact = estimates.astype(numpy.float64)
        return {
            "mae": mean_absolute_error(exact, targets),
            "rmse": root_mean_squared_error(exact, targets),
            "r2": r2(exact, targets),
        }


BY_NAME: dict[str, type[Task]] = {
    kind.name: kind for kind in (Classification, MultiLabel, Regression)
}


def as_task(task: Any) -> Task:
    """Return a task: by its name, the object itself, or Classification for None.

    Raises:
        ConfigError: it is anything else.
    """
    if task is None:
        return Classification()
    if isinstance(task, Task):
        return task
    name = find(task, BY_NAME)
    if name is None:
        names = ", ".join(map(repr, BY_NAME))
        message = f"task is {shown(task)}, expected a name or an object of xpcnn.tasks"
        raise ConfigError(hint(message, f"one of {names}"))
    return BY_NAME[name]()


def class_labels(labels: Array, outputs: int) -> Array:
    """Return labels as class indices (n,): of probabilities (n, outputs), the most probable one."""
    return labels if labels.ndim == 1 else MSE().decide(without_weights(labels, outputs)[0])


def _like(x: Array, values: Sequence[float]) -> Array:
    """Return numbers as an array (k,) of the dtype and device of x (n, k)."""
    return namespace(x).asarray(list(values), dtype=x.dtype, device=x.device)
