"""Options of frozen dataclasses: checked when they are made, and made by name.

Refuses NaN, numbers out of range, arrays and strings for numbers, unknown names and options.
"""

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, TypeAlias, TypeVar

from xpcnn.errors import ConfigError, hint, nearest

T = TypeVar("T")

Range: TypeAlias = tuple[float, float]
"""Half-open: low <= value < high, and finite."""

FINITE: Range = (-math.inf, math.inf)
NON_NEGATIVE: Range = (0.0, math.inf)
POSITIVE: Range = (math.ulp(0.0), math.inf)
FRACTION: Range = (0.0, 1.0)
CLOSED_FRACTION: Range = (0.0, math.nextafter(1.0, 2.0))
"""From 0 to 1, both included."""


def number(owner: str, name: str, value: Any, valid: Range, advice: str) -> float:
    """Return `value` as a Python float within `valid`.

    Python floats leave float32 arithmetic in float32; a NumPy float64 would promote it (NEP 50).

    Raises:
        ConfigError: not a real number, not finite, or out of range.
    """
    low, high = valid
    if isinstance(value, Real) and not isinstance(value, bool):
        x = float(value)
        if low <= x < high and math.isfinite(x):
            return x
        got = f"{x:g}"
    else:
        got = type(value).__name__
    rule = "a number" if high < math.inf else "a finite number"
    at_least = "> 0" if low == POSITIVE[0] else f">= {low:g}"
    at_most = "<= 1" if high == CLOSED_FRACTION[1] else f"< {high:g}"
    bounds = [at_least] * (low > -math.inf) + [at_most] * (high < math.inf)
    text = " ".join([rule, " and ".join(bounds)]).rstrip()
    raise ConfigError(hint(f"{owner}: {name} must be {text}, got {got}", advice))


def check(options: Any, **ranges: Range) -> None:
    """Make each field named in `ranges` a Python float in its range; boolean fields stay boolean.

    For the `__post_init__` of a frozen dataclass. The advice of an error is the field's default.
    """
    owner = type(options).__name__
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        advice = f"{owner}({field.name}={field.default})"
        if field.name in ranges:
            value = number(owner, field.name, value, ranges[field.name], advice)
            object.__setattr__(options, field.name, value)
        elif isinstance(field.default, bool) and not isinstance(value, bool):
            got = type(value).__name__
            raise ConfigError(
                hint(f"{owner}: {field.name} must be True or False, got {got}", advice)
            )


def make(kind: str, makers: Mapping[str, Callable[..., T]], name: str, **options: Any) -> T:
    """Return what `makers[name]` makes of the options.

    Raises:
        ConfigError: there is no such name or option; the nearest valid one is in the text.
    """
    if name not in makers:
        raise ConfigError(hint(f"unknown {kind} {name!r}", nearest(name, makers)))
    valid = inspect.signature(makers[name]).parameters
    for option in options:
        if option not in valid:
            advice = nearest(option, valid) if valid else f"leave it out: {name} takes no options"
            raise ConfigError(hint(f"{kind} {name!r} has no option {option!r}", advice))
    return makers[name](**options)
