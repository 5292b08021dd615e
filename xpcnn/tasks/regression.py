"""Regression: one number, or several, for each sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.errors import ConfigError, counted, hint
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.target_metrics import mean_absolute_error, r2, root_mean_squared_error
from xpcnn.tasks.base import Task, array_like
from xpcnn.types import Array, TaskName, device, namespace


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
            means, numbers = counted(len(self.mean), "mean"), counted(len(names), "number")
            message = f"targets have {means} for {numbers}"
            raise ConfigError(hint(message, "one for each number, or none"))

    def counts(self, targets: numpy.ndarray, names: int) -> list[int]:
        return []

    def random(self, rng: numpy.random.Generator, samples: int, outputs: int) -> numpy.ndarray:
        return rng.normal(size=(samples, outputs))

    def adapted(self, targets: numpy.ndarray) -> Task:
        if self.mean is not None:
            return self
        mean, std = targets.mean(axis=0), deviation(targets)
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
        return xp.asarray(0, dtype=xp.int64, device=device(scores))

    def estimates(self, loss: Loss, scores: Array) -> Array:
        if self.mean is None or self.std is None:
            return scores
        return scores * array_like(scores, self.std) + array_like(scores, self.mean)

    def decide(self, loss: Loss, scores: Array) -> Array:
        return self.estimates(loss, scores)

    def measure(self, estimates: numpy.ndarray, targets: numpy.ndarray) -> dict[str, float]:
        exact = estimates.astype(numpy.float64)
        return {
            "mae": mean_absolute_error(exact, targets),
            "rmse": root_mean_squared_error(exact, targets),
            "r2": r2(exact, targets),
        }


def deviation(targets: numpy.ndarray) -> numpy.ndarray:
    """Return the standard deviation of each number of targets (n, k); 1.0 where all are equal."""
    is_varied = numpy.ptp(targets, axis=0) > 0.0  # rounding may leave a deviation of equal numbers
    return numpy.where(is_varied, targets.std(axis=0), 1.0)
