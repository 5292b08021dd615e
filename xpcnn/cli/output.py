"""What commands write: JSON that every reader takes, words on stderr."""

import json
import math
from typing import Any

import click


def to_json(value: Any, indent: int | None = None) -> str:
    """Return JSON; see `finite`."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)


def say(text: str, quiet: bool = False) -> None:
    """Tell a person something, on stderr."""
    if not quiet:
        click.echo(text, err=True)


def answer(text: str) -> None:
    """Give what was asked for, on stdout."""
    click.echo(text)


def finite(value: Any) -> Any:
    """Return plain values with None for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
