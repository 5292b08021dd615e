"""Schedules in which the learning rate rises too: restarts, one cycle, warmup."""

import math
from dataclasses import KW_ONLY, dataclass

from xpcnn.options import COUNT, FRACTION, check
from xpcnn.schedules.base import Length, Schedule, check_length, half_cosine, in_steps
from xpcnn.schedules.falling import Constant


@dataclass(frozen=True)
class CosineRestarts:
    """Fall from 1 to `final` along half a cosine, several times over the run.

    Cycle i has T·factorⁱ / Σ factorʲ steps. PyTorch's CosineAnnealingWarmRestarts, which takes the
    length of the first cycle instead. Source: Loshchilov and Hutter, "SGDR", 2017.

    cycles: number of cycles, at least 1.
    factor: length of a cycle divided by the length of the cycle before, at least 1.
    final: factor of the learning rate at the end of each cycle, in [0, 1).
    """

    cycles: int = 3
    _: KW_ONLY
    factor: float = 2.0
    final: float = 0.0

    def __post_init__(self) -> None:
        check(self, cycles=COUNT, factor=(1.0, math.inf), final=FRACTION)

    def __call__(self, step: int, total_steps: int, /) -> float:
        lengths = [self.factor**cycle for cycle in range(self.cycles)]
        start = 0
        for cycle in range(self.cycles):
            end = round(total_steps * sum(lengths[: cycle + 1]) / sum(lengths))
            if step < end:
                return half_cosine(1.0, self.final, (step - start) / (end - start))
            start = end
        return self.final


@dataclass(frozen=True)
class OneCycle:
    """Rise from `start` to 1 until `peak`, then fall to `final`, each along half a cosine.

    The peak is at step p = peak - 1 and the end at T - 1, as in PyTorch's OneCycleLR, with
    pct_start = peak, div_factor = 1/start, final_div_factor = start/final. Momentum does not cycle.
    Source: Smith and Topin, "Super-convergence", 2018.

    peak: where the factor is 1: whole steps, or a fraction of all steps.
    start, final: factors at the start and at the end, in [0, 1).
    """

    peak: Length = 0.3
    _: KW_ONLY
    start: float = 0.04
    final: float = 4e-6

    def __post_init__(self) -> None:
        check(self, start=FRACTION, final=FRACTION)
        object.__setattr__(self, "peak", check_length("OneCycle", "peak", self.peak))

    def __call__(self, step: int, total_steps: int, /) -> float:
        last = total_steps - 1
        top = max(in_steps(self.peak, total_steps) - 1, 0)
        if step < top:
            return half_cosine(self.start, 1.0, step / top)
        return half_cosine(1.0, self.final, min((step - top) / max(last - top, 1), 1.0))


@dataclass(frozen=True)
class Warmup:
    """Rise linearly for the first `steps`, then follow another schedule over the rest.

    In the rise, f(t) = (t + 1) / (steps + 1) · then(0): no step has a learning rate of 0. PyTorch's
    LinearLR with start_factor = 1 / (steps + 1), followed by another scheduler. Source: Goyal et
    al., "Accurate, large minibatch SGD", 2017, section 2.2.

    steps: length of the rise: whole steps, or a fraction of all steps.
    then: the schedule after the rise; it counts steps from the end of the rise.
    """

    steps: Length
    then: Schedule = Constant()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_length("Warmup", "steps", self.steps))

    def __call__(self, step: int, total_steps: int, /) -> float:
        steps = round(in_steps(self.steps, total_steps))
        rest = max(total_steps - steps, 1)
        if step < steps:
            return (step + 1) / (steps + 1) * self.then(0, rest)
        return self.then(step - steps, rest)
