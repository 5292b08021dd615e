"""Schedules that keep the learning rate or let it fall: constant, by steps, smoothly."""

import math
from dataclasses import KW_ONLY, dataclass

from xpcnn.errors import ConfigError, hint
from xpcnn.options import FRACTION, NON_NEGATIVE, check
from xpcnn.schedules.base import Length, check_length, half_cosine, in_steps


@dataclass(frozen=True)
class Constant:
    """Keep the learning rate constant: f(t) = factor.

    factor: multiplies the base learning rate, at least 0.
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        check(self, factor=NON_NEGATIVE)

    def __call__(self, step: int, total_steps: int, /) -> float:
        return self.factor


@dataclass(frozen=True)
class ByInterval:
    """Hyperparameters of schedules that multiply the learning rate by γ in each interval."""

    every: Length = 1 / 3
    _: KW_ONLY
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check(self, gamma=NON_NEGATIVE)
        object.__setattr__(self, "every", check_length(type(self).__name__, "every", self.every))


@dataclass(frozen=True)
class Step(ByInterval):
    """Multiply the learning rate by γ at regular intervals: f(t) = γ^⌊t / every⌋.

    PyTorch's StepLR.

    every: length of an interval: whole steps, or a fraction of all steps.
    gamma: γ, at least 0.
    """

    def __call__(self, step: int, total_steps: int, /) -> float:
        t = min(step, total_steps)
        return self.gamma ** math.floor(t / in_steps(self.every, total_steps))


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
        return self.gamma ** sum(in_steps(length, total_steps) <= step for length in self.at)


@dataclass(frozen=True)
class Exponential(ByInterval):
    """Multiply the learning rate by γ over each interval, smoothly: f(t) = γ^(t / every).

    PyTorch's ExponentialLR has `every=1`.

    every: length of an interval: whole steps, or a fraction of all steps.
    gamma: γ, at least 0.
    """

    def __call__(self, step: int, total_steps: int, /) -> float:
        return float(self.gamma ** (min(step, total_steps) / in_steps(self.every, total_steps)))


@dataclass(frozen=True)
class Polynomial:
    """Fall from 1 to `final`: f(t) = final + (1 - final)·(1 - t/T)^power.

    PyTorch's PolynomialLR.

    power: exponent, at least 0; 1 for a straight line.
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
        return half_cosine(1.0, self.final, min(step / total_steps, 1.0))
