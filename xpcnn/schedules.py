"""Schedules: the factor of the base learning rate as a function of progress alone.

`schedule(step, total_steps) -> float` on the host: `step` counts the updates done, from 0; from
`total_steps` on, the last value stays. In the formulas t is the step and T is `total_steps`. A
length is a whole number of steps (int) or a fraction of T (float between 0 and 1). Where a
scheduler of PyTorch is named, values equal its values. Schedules keep no state, so a run resumes at
any step. Only `Plateau` reacts to the loss, by `after(schedule, losses)`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from numbers import Real
from typing import Any, Protocol, TypeAlias

from xpcnn import options as _options
from xpcnn.errors import ConfigError, hint
from xpcnn.habits import advised
from xpcnn.options import CLOSED_FRACTION, COUNT, FRACTION, NON_NEGATIVE, as_float, check, is_whole

Length: TypeAlias = int | float


class Schedule(Protocol):
    """A function from progress to the factor of the base learning rate."""

    def __call__(self, step: int, total_steps: int, /) -> float: ...


@dataclass(frozen=True)
class Constant:
    """Keep the learning rate constant: f(t) = factor.

    factor: at least 0.
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        check(self, factor=NON_NEGATIVE)

    def __call__(self, step: int, total_steps: int, /) -> float:
        return self.factor


@dataclass(frozen=True)
class Step:
    """Multiply the learning rate by γ at regular intervals: f(t) = γ^⌊t / every⌋.

    PyTorch's StepLR.

    every: length of an interval: whole steps, or a fraction of all steps.
    gamma: γ, at least 0.
    """

    every: Length = 1 / 3
    _: KW_ONLY
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check(self, gamma=NON_NEGATIVE)
        object.__setattr__(self, "every", check_length("Step", "every", self.every))

    def __call__(self, step: int, total_steps: int, /) -> float:
        t = min(step, total_steps)
        return self.gamma ** math.floor(t / _steps(self.every, total_steps))


@dataclass(frozen=True)
class MultiStep:
    """Multiply the learning rate by γ at given steps: f(t) = γ^(number of entries of `at` up to t).

    PyTorch's MultiStepLR.

    at: a list of lengths, each in whole steps or as a fraction of all steps.
    gamma: γ, at least 0.
    """

    at: tuple[Length, ...] = (0.5, 0.75)
    _: KW_ONLY
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check(self, gamma=NON_NEGATIVE)
        if not isinstance(self.at, tuple | list):
            message = f"MultiStep: at is {self.at!r}, expected a list"
            raise ConfigError(hint(message, "MultiStep((0.5, 0.75))"))
        object.__setattr__(self, "at", tuple(check_length("MultiStep", "at", x) for x in self.at))

    def __call__(self, step: int, total_steps: int, /) -> float:
        return self.gamma ** sum(_steps(length, total_steps) <= step for length in self.at)


@dataclass(frozen=True)
class Exponential:
    """Multiply the learning rate by γ over each interval, smoothly: f(t) = γ^(t / every).

    PyTorch's ExponentialLR has `every=1`.

    every: length of an interval: whole steps, or a fraction of all steps.
    gamma: γ, at least 0.
    """

    every: Length = 1 / 3
    _: KW_ONLY
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check(self, gamma=NON_NEGATIVE)
        object.__setattr__(self, "every", check_length("Exponential", "every", self.every))

    def __call__(self, step: int, total_steps: int, /) -> float:
        return float(self.gamma ** (min(step, total_steps) / _steps(self.every, total_steps)))


@dataclass(frozen=True)
class Polynomial:
    """Fall from 1 to `final`: f(t) = final + (1 - final)·(1 - t/T)^power.

    PyTorch's PolynomialLR.

    power: at least 0; 1 for a straight line.
    final: factor at the end, in [0, 1).
    """

    power: float = 1.0
    _: KW_ONLY
    final: float = 0.0

    def __post_init__(self) -> None:
        check(self, power=NON_NEGATIVE, final=FRACTION)

    def __call__(self, step: int, total_steps: int, /) -> float:
        left = 1.0 - min(step / total_steps, 1.0)
        return float(self.final + (1.0 - self.final) * left**self.power)


@dataclass(frozen=True)
class Cosine:
    """Fall from 1 to `final` along half a cosine: f(t) = final + (1 - final)·(1 + cos(π·t/T)) / 2.

    PyTorch's CosineAnnealingLR. Source: Loshchilov and Hutter, "SGDR", 2017, equation 5.

    final: factor at the end, in [0, 1).
    """

    _: KW_ONLY
    final: float = 0.0

    def __post_init__(self) -> None:
        check(self, final=FRACTION)

    def __call__(self, step: int, total_steps: int, /) -> float:
        return _cosine(1.0, self.final, min(step / total_steps, 1.0))


@dataclass(frozen=True)
class CosineRestarts:
    """Fall from 1 to `final` along half a cosine, several times over the run.

    Cycle i has T·factorⁱ / Σ factorʲ steps. PyTorch's CosineAnnealingWarmRestarts, which takes the
    length of the first cycle instead. Source: Loshchilov and Hutter, "SGDR", 2017.

    cycles: how many, at least 1.
    factor: length of a cycle divided by that of the cycle before, at least 1.
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
                return _cosine(1.0, self.final, (step - start) / (end - start))
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
        top = max(_steps(self.peak, total_steps) - 1, 0)
        if step < top:
            return _cosine(self.start, 1.0, step / top)
        return _cosine(1.0, self.final, min((step - top) / max(last - top, 1), 1.0))


@dataclass(frozen=True)
class Warmup:
    """Rise linearly for the first `steps`, then follow another schedule over the rest.

    In the rise, f(t) = (t + 1) / (steps + 1) · then(0): no step has a learning rate of 0. PyTorch's
    LinearLR with start_factor = 1 / (steps + 1), followed by another scheduler. Source: Goyal et
    al., "Accurate, large minibatch SGD", 2017, section 2.2.

    steps: length of the rise: whole steps, or a fraction of all steps.
    then: the schedule of the other steps; it counts steps from the end of the rise.
    """

    steps: Length
    then: Schedule = Constant()

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_length("Warmup", "steps", self.steps))

    def __call__(self, step: int, total_steps: int, /) -> float:
        steps = round(_steps(self.steps, total_steps))
        rest = max(total_steps - steps, 1)
        if step < steps:
            return (step + 1) / (steps + 1) * self.then(0, rest)
        return self.then(step - steps, rest)


@dataclass(frozen=True)
class Plateau:
    """Multiply by γ whenever the loss has not improved for more than `patience` epochs in a row.

    The loss is that of the validation part or, without one, of training. PyTorch's
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

    def after(self, losses: Sequence[float]) -> Constant:
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


def after(schedule: Schedule, losses: Sequence[float]) -> Schedule:
    """Return a schedule as it is in the next epoch.

    schedule: any schedule; only `Plateau`, alone or after a `Warmup`, depends on losses.
    losses: of all epochs before, in order.
    """
    if isinstance(schedule, Warmup):
        return replace(schedule, then=after(schedule.then, losses))
    return schedule.after(losses) if isinstance(schedule, Plateau) else schedule


BY_NAME: Mapping[str, Callable[..., Schedule]] = {
    "constant": Constant,
    "step": Step,
    "multi-step": MultiStep,
    "exponential": Exponential,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "cosine-restarts": CosineRestarts,
    "one-cycle": OneCycle,
    "plateau": Plateau,
}

for _kind in BY_NAME.values():
    advised(_kind)


def make(name: str, **options: Any) -> Schedule:
    """Return the schedule called `name`, for the command line and files: `make("step", every=100)`.

    name: a key of `BY_NAME`.
    options: the arguments of its class.

    Raises:
        ConfigError: an unknown name or option (the closest valid one is suggested), or a value that
            is not valid.
    """
    return _options.make("schedule", BY_NAME, name, **options)


def _cosine(start: float, end: float, progress: float) -> float:
    """Return the value between `start` and `end` along half a cosine."""
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0


def _steps(length: Length, total_steps: int) -> float:
    """Return a length in steps."""
    return length if isinstance(length, int) else length * total_steps


def check_length(owner: str, name: str, value: Any) -> Length:
    """Return a length, whole steps or a fraction of all steps, as a Python number.

    owner, name: class and argument, for the error.
    value: a whole number from 1, or a number between 0 and 1.

    Raises:
        ConfigError: `value` is anything else.
    """
    if is_whole(value) and value >= 1:
        return int(value)
    if isinstance(value, Real) and 0.0 < as_float(value) < 1.0:
        return float(value)
    got = f"{value}" if isinstance(value, Real) else type(value).__name__
    raise ConfigError(
        hint(
            f"{owner}: {name} must be a whole number of steps (int) or a fraction of all steps "
            f"(float between 0 and 1), got {got}",
            f"{name}=100 for steps, {name}=0.1 for a tenth of the run",
        )
    )
