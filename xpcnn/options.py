"""Checks of public arguments, and objects made by name.

`number`, `whole` and `switch` check one argument, `check` the fields of a frozen dataclass. They
take scalars of Python and NumPy and return those of Python. They reject NaN, infinities, numbers
out of range and values of another type, such as an array or a text for a number, or True for 1.
"""

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias, TypeVar

from xpcnn.argument_advice import advice_on
from xpcnn.errors import ConfigError, hint

T = TypeVar("T")

Range: TypeAlias = tuple[float, float]
"""Half-open: low <= value < high, and finite."""

FINITE: Range = (-math.inf, math.inf)
NON_NEGATIVE: Range = (0.0, math.inf)
POSITIVE: Range = (math.ulp(0.0), math.inf)
FRACTION: Range = (0.0, 1.0)
CLOSED_FRACTION: Range = (0.0, math.nextafter(1.0, 2.0))
"""From 0 to 1, both included."""


COUNT: Range = (1.0, math.inf)
"""Whole numbers of at least 1."""


def number(owner: str, name: str, value: Any, valid: Range, advice: str) -> float:
    """Return `value` as a Python float within `valid`.

    Python floats leave float32 arithmetic in float32; a NumPy float64 would promote it (NEP 50).

    Raises:
        ConfigError: not a real number, not finite, or out of range.
    """
    low, high = valid
    if isinstance(value, Real) and not isinstance(value, bool):
        x = as_float(value)
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
    raise ConfigError(hint(f"{_of(owner)}{name} must be {text}, got {got}", advice))


def as_float(value: Any) -> float:
    """Return a number as a float; an integer beyond the largest float is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def whole(owner: str, name: str, value: Any, low: float, advice: str) -> int:
    """Return `value` as a Python int of at least `low`, which may be -inf.

    Raises:
        ConfigError: `value` is not a whole number, which True is not either, or is too small.
    """
    if is_whole(value) and value >= low:
        return int(value)
    rule = "a whole number" if low == -math.inf else f"a whole number of at least {low:g}"
    raise ConfigError(hint(f"{_of(owner)}{name} is {shown(value)}, expected {rule}", advice))


def is_whole(value: Any) -> bool:
    """Whether a value is an integer of Python or NumPy; True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def switch(owner: str, name: str, value: Any, advice: str) -> bool:
    """Return True or False as Python's bool.

    Raises:
        ConfigError: the value is anything else, including 0 and 1.
    """
    is_scalar = getattr(value, "shape", None) == () and str(value.dtype) == "bool"
    if isinstance(value, bool) or is_scalar:
        return bool(value)
    got = type(value).__name__
    raise ConfigError(hint(f"{_of(owner)}{name} must be True or False, got {got}", advice))


def check_switches(**given: Any) -> None:
    """Require True or False of each.

    Raises:
        ConfigError: it is anything else.
    """
    for name, value in given.items():
        switch("", name, value, f"{name}=True")


def check_count(name: str, value: Any) -> int:
    """Return a whole number of at least 1 as a Python int.

    Raises:
        ConfigError: it is anything else.
    """
    return whole("", name, value, 1, f"{name}=10")


def shown(value: Any) -> str:
    """Return a value as text for an error: a number or a short text, otherwise its type."""
    if isinstance(value, Real):
        text = f"{value}"
    else:
        text = repr(value) if value is None or isinstance(value, str | tuple | type) else ""
    return text if 0 < len(text) <= 60 else f"a {type(value).__name__}"


def _of(owner: str) -> str:
    return f"{owner}: " if owner else ""


def check(options: Any, **ranges: Range) -> None:
    """Check the fields of a frozen dataclass, in its `__post_init__`, by their declared types.

    Fields named in `ranges` become Python ints (declared `int`) or floats in their range; other
    ints any whole number; bools are True or False. The advice of an error is the field's default.
    """
    owner = type(options).__name__
    for field in dataclasses.fields(options):
        name, value = field.name, getattr(options, field.name)
        valid = ranges.get(name)
        if field.type is int:
            low = -math.inf if valid is None else valid[0]
            example = 1 if field.default is dataclasses.MISSING else field.default
            more = "" if valid is None else ", or more"
            value = whole(owner, name, value, low, f"{name}={example}{more}")
        elif field.type is bool:
            value = switch(owner, name, value, f"{owner}({name}={field.default})")
        elif valid is not None:
            value = number(owner, name, value, valid, f"{owner}({name}={field.default})")
        else:
            continue
        object.__setattr__(options, name, value)


def find(name: Any, valid: Iterable[str]) -> str | None:
    """Return the valid name equal to `name` except for case and "_" for "-", or None."""
    if not isinstance(name, str):
        return None
    plain = name.strip().lower().replace("_", "-")
    found = [key for key in valid if key.lower().replace("_", "-") == plain]
    return name if name in found else found[0] if len(found) == 1 else None


def maker(kind: str, makers: Mapping[str, Callable[..., T]]) -> Callable[..., T]:
    """Return the function `make` of a table of classes by name.

    kind: what errors call the objects, such as "optimizer".
    makers: classes by name.
    """

    def make(name: str, **options: Any) -> T:
        """Return an object by the name of its class.

        name: a key of `BY_NAME`, in any case.
        options: arguments of the class.

        Raises:
            ConfigError: an unknown name or option (the closest valid one is suggested), or a value
                that is not valid.
        """
        known = find(name, makers)
        if known is None:
            raise ConfigError(hint(f"unknown {kind} {shown(name)}", advice_on(str(name), makers)))
        valid = inspect.signature(makers[known]).parameters
        for option in options:
            if option not in valid:
                advice = f"leave it out: {name} takes no options"
                advice = advice_on(option, valid) if valid else advice
                raise ConfigError(hint(f"{kind} {name!r} has no option {option!r}", advice))
        return makers[known](**options)

    return make
