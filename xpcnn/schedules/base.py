"""The type of a schedule, lengths in steps or fractions, and the shape that several share."""

import math
from numbers import Real
from typing import Any, Protocol, TypeAlias

from xpcnn.errors import ConfigError, hint
from xpcnn.options import as_float, is_whole

Length: TypeAlias = int | float


class Schedule(Protocol):
    """A function from progress to the factor of the base learning rate."""

    def __call__(self, step: int, total_steps: int, /) -> float: ...


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


def in_steps(length: Length, total_steps: int) -> float:
    """Return a length in steps; 0.28 of 25 is 7, which the product itself exceeds by rounding."""
    return length if isinstance(length, int) else round(length * total_steps, 9)


def half_cosine(start: float, end: float, progress: float) -> float:
    """Return the value between `start` and `end` along half a cosine."""
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0
