"""The schedule that reacts to the loss."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace

from xpcnn.options import CLOSED_FRACTION, FRACTION, NON_NEGATIVE, check
from xpcnn.schedules.base import Schedule
from xpcnn.schedules.falling import Constant
from xpcnn.schedules.rising import Warmup


@dataclass(frozen=True)
class Plateau:
    """Multiply by γ whenever the loss has not improved for more than `patience` epochs in a row.

    The loss is that of validation or, where there is none, of training. Equal to PyTorch's
    ReduceLROnPlateau with mode "min" and no cooldown.

    patience: epochs without improvement that have no effect, at least 0.
    gamma: γ, in [0, 1).
    threshold: a loss is an improvement if it is below (1 - threshold) times the best; in [0, 1).
    least: the smallest factor, in [0, 1].
    """

    patience: int = 5
    _: KW_ONLY
    gamma: float = 0.1
    threshold: float = 1e-4
    least: float = 0.0

    def __post_init__(self) -> None:
        check(
            self,
            patience=NON_NEGATIVE,
            gamma=FRACTION,
            threshold=FRACTION,
            least=CLOSED_FRACTION,
        )

    def __call__(self, step: int, total_steps: int, /) -> float:
        return 1.0

    def after_losses(self, losses: Sequence[float]) -> Constant:
        """Return the constant schedule of the next epoch, given the losses of all before it."""
        best, bad, factor = math.inf, 0, 1.0
        for loss in losses:
            if loss < best * (1.0 - self.threshold):
                best, bad = loss, 0
            else:
                bad += 1
            if bad > self.patience:
                factor, bad = max(factor * self.gamma, self.least), 0
        return Constant(factor)


def after_losses(schedule: Schedule, losses: Sequence[float]) -> Schedule:
    """Return the schedule of the next epoch, given the losses so far.

    schedule: any schedule; only `Plateau`, alone or after a `Warmup`, depends on losses.
    losses: losses of all epochs so far, in order.
    """
    if isinstance(schedule, Warmup):
        return replace(schedule, then=after_losses(schedule.then, losses))
    return schedule.after_losses(losses) if isinstance(schedule, Plateau) else schedule
