"""How a model's samples were read, to and from the table in its file; see `xpcnn.data.reading`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from xpcnn.config.values import Objects, read_kind
from xpcnn.data.reading import Arrays, Drawn, Pictures, Reading
from xpcnn.errors import ConfigError, hint
from xpcnn.types import Shape

_KINDS: Mapping[str, type[Reading]] = {"pictures": Pictures, "drawn": Drawn, "arrays": Arrays}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_table(reading: Reading | None) -> dict[str, Any] | None:
    """Return the table of a reading: `from`, the name of its kind, and its fields."""
    return None if reading is None else {"from": _NAMES[type(reading)], **asdict(reading)}


def from_table(table: dict[str, Any], at: str) -> Reading:
    """Return the reading that a table describes; `at` is its path. See `values.read_kind`."""
    reading: Reading = read_kind(table, at, "from", _KINDS)
    return reading


OBJECTS: Objects = {Reading: from_table}
"""For `values.read_fields`."""


def of_image_rule(rule: Any, shape: Shape) -> Reading | None:
    """Return the reading of a model file of xpcnn 0.1, which kept an `image_rule`.

    It has low, high, the values of black and white; border, "dark", "light" or "any"; and perhaps
    extent. Grey images on a dark or light border were framed, as drawings are.

    Raises:
        ConfigError: `rule` is not such a table.
    """
    advice = "a file written by Model.save"
    if not isinstance(rule, dict):
        raise ConfigError(hint(f"model: image_rule is {rule!r}, expected a table", advice))
    if not rule or len(shape) != 3:
        return None
    c, h, w = shape
    border = rule.get("border")
    if border not in ("dark", "light", "any"):
        message = f"model: image_rule: border is {border!r}, expected dark, light or any"
        raise ConfigError(hint(message, advice))
    fields = {"low": rule.get("low"), "high": rule.get("high")}
    extent = rule.get("extent")
    if border == "any" or c != 1:
        table = {"from": "arrays", "sample": [c, h, w], **fields}
    else:
        extent = 1.0 if extent is None else extent
        table = {"from": "drawn", "size": [h, w], **fields, "ground": border, "extent": extent}
    return from_table(table, "image_rule")
