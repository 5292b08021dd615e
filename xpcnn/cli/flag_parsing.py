"""The values of flags, from text: numbers, lists, sizes, and `none` where a preset may set one."""

from typing import TypeVar

import click

N = TypeVar("N", int, float)

NONE = "none"
"""What flags and files say for no value, where a preset may set one."""


def fraction_or_path(value: str) -> float | str:
    """Return a number such as 0.1, or else the path as it is."""
    try:
        return float(value)
    except ValueError:
        return value


def constant_for_none(name: str) -> str:
    """Return the name of a schedule; constant for `none`."""
    return "constant" if name == NONE else name


def whole_or_none(value: str) -> int | str:
    """Return a whole number; `none` as it is."""
    return NONE if value == NONE else _number(int, value, "a whole number")


def number_or_none(value: str) -> float | str:
    """Return a number; `none` as it is."""
    return NONE if value == NONE else _number(float, value, "a number")


def _number(kind: type[N], value: str, described: str) -> N:
    try:
        return kind(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither {described} nor none") from None


def yes_or_no(value: str) -> str:
    """Return yes or no as it is."""
    if value not in ("yes", "no"):
        raise click.BadParameter(f"--stream is yes or no, got {value!r}")
    return value


def device_name(device: str | None) -> str | int | None:
    """Return a device as backends take it: a number where it is one."""
    return int(device) if device is not None and device.isdecimal() else device


def image_size(text: str | None) -> tuple[int, int] | None:
    """Return height and width as in 28,28."""
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        square = f"{text},{text}" if text.isdecimal() else "28,28"
        message = f"--image-size {text}: expected a height and a width such as {square}"
        raise click.BadParameter(message)
    return int(parts[0]), int(parts[1])


def sizes(text: str, what: str = "sizes such as 3,32,32") -> tuple[int, ...]:
    """Return the whole numbers of a list such as 3,32,32; `what` they are, for the error."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise click.BadParameter(f"{text!r} is not a list of {what}")
    return tuple(map(int, parts))


def numbers(text: str) -> tuple[float, ...]:
    """Return the numbers of a list such as 0.5,1."""
    try:
        return tuple(map(float, text.split(",")))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers such as 0.5,1") from None


def listed(text: str) -> list[str]:
    """Return the parts of a list such as layers.0.*,*.bias; an empty list for `none`."""
    parts = [part.strip() for part in text.split(",")]
    if parts == [NONE]:
        return []
    if NONE in parts:
        raise click.BadParameter(f"{text!r}: none cannot be combined with others")
    return parts


def length(value: float) -> int | float:
    """Return a whole number of steps, or a fraction of all of them."""
    return int(value) if value.is_integer() else value


def tables(text: str) -> list[dict[str, str]]:
    """Return a table for each name of a list such as flip,crop; an empty list for `none`."""
    return [{"name": name} for name in listed(text)]


def loss_type(name: str) -> str:
    """Return the type of a loss that files name, by its short name."""
    from xpcnn.losses import BY_NAME

    if name.lower() not in BY_NAME:
        raise click.BadParameter(f"--loss {name} is none of {', '.join(BY_NAME)}")
    return BY_NAME[name.lower()].__name__


def thresholds(text: str) -> str:
    """Return best, or a list of numbers such as 0.5,0.3, as it is."""
    if text != "best":
        numbers(text)
    return text


def weights(text: str) -> str | list[float]:
    """Return balanced as it is, or the numbers of a list such as 1,5,2."""
    if text == "balanced":
        return text
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        message = f"{text!r} is neither balanced nor a list of numbers such as 1,5,2"
        raise click.BadParameter(message) from None


def two_or_more(text: str) -> str:
    """Return a list of classes such as 0,1 as it is."""
    if len({part.strip() for part in text.split(",")}) < 2:
        raise click.BadParameter(f"--classes needs two classes or more, such as 0,1; got {text!r}")
    return text
