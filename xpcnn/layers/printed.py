"""Networks as text: what `print(network)` shows, one layer in a line."""

from dataclasses import MISSING, fields
from textwrap import indent
from typing import Any


class Printed:
    """The part of a container that prints it as the Python that makes it, without defaults.

    `repr` stays on one line, with every value: the identity of a run in its checkpoints has it.
    """

    def __str__(self) -> str:
        return _text(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # of IPython
        printer.text(str(self))


def _text(value: Any) -> str:
    """Return the Python that makes a layer or a list of layers; of other values, their repr."""
    if isinstance(value, tuple) and any(hasattr(item, "__dataclass_fields__") for item in value):
        return _in_lines("[", [_text(item) for item in value], "]")
    shown = getattr(value, "__dataclass_params__", None)
    if shown is None or not shown.repr or not hasattr(value, "forward"):
        return repr(value)
    given = [
        (field.name, getattr(value, field.name))
        for field in fields(value)
        if field.repr and (field.default is MISSING or getattr(value, field.name) != field.default)
    ]
    name = type(value).__name__
    match [(what, _text(x)) for what, x in given]:
        case [("layers" | "branches", text)]:
            return f"{name}({text})"
        case texts if any("\n" in text for _, text in texts):
            return _in_lines(f"{name}(", [f"{what}={text}" for what, text in texts], ")")
        case texts:
            return f"{name}({', '.join(f'{what}={text}' for what, text in texts)})"


def _in_lines(start: str, items: list[str], end: str) -> str:
    return "\n".join([start, *(indent(f"{item},", "    ") for item in items), end])
