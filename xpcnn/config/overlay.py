"""Overrides: what a file, environment variables or flags change about a preset."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from xpcnn.errors import ConfigError, hint
from xpcnn.options import find

_INSTEAD_OF = {"clip_norm": "clip_value", "clip_value": "clip_norm"}
"""Options that exclude each other: setting one removes the other one of the preset."""


_NAMED = ("optimizer", "schedule")
"""Options whose tables have a name, which people give alone."""


class Change(NamedTuple):
    """A value that overrides the one at a path of a preset; where: its source, for errors."""

    where: str
    path: tuple[str, ...]
    value: Any


class Source:
    """The changes of one source: a file, the environment, or the command line."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._training: dict[str, Any] = {}

    def take(self, where: str, values: Mapping[str, tuple[tuple[str, ...], Any]]) -> None:
        """Add values whose order in the source does not matter.

        values: path and value by the name of the value in the source; tables are applied first:
            {"training": (("training",), {...}), "lr": (("training", "optimizer", "lr"), 0.1)}.

        Raises:
            ConfigError: a value is given twice, or two values exclude each other.
        """
        tables: dict[str, Any] = {}
        for name, (path, value) in values.items():
            if _has(tables, path):
                text = f"{name} is given twice, also as {'.'.join(path)}"
                raise ConfigError(hint(text, "one of the two"))
            self._check_rivals(path, value)
            tables = put(tables, path, value)
        self.changes += [Change(where, (key,), value) for key, value in tables.items()]

    def assign(self, where: str, path: tuple[str, ...], value: Any) -> None:
        """Add a value, which overrides earlier ones.

        Raises:
            ConfigError: the value and an earlier one exclude each other.
        """
        self._check_rivals(path, value)
        self.changes.append(Change(where, path, value))

    def _check_rivals(self, path: Sequence[str], value: Any) -> None:
        """Require at most one of two options that exclude each other.

        Without this check, `merged` would keep the later one.
        """
        key, *rest = path
        if key != "training" or not isinstance(options := put({}, rest, value), dict):
            return
        self._training |= options
        for key, other in _INSTEAD_OF.items():
            if _sets(self._training, key) and _sets(self._training, other):
                raise ConfigError(hint(f"{key} and {other} are both given", "one of the two"))


def merged(below: Any, above: Any) -> Any:
    """Return `below` overridden by `above`: tables key by key, other values as a whole.

    A table with another name (or type) replaces the whole table, since it has other options. The
    tables of a list each override the table of the same name, wherever it was in the list.
    """
    if isinstance(above, dict):
        if not isinstance(below, dict) or _is_another(below, above):
            below = {}
        kept = {
            key: value
            for key, value in below.items()
            if key in above or not _sets(above, _INSTEAD_OF.get(key, ""))
        }
        return kept | {key: merged(kept.get(key), value) for key, value in above.items()}
    if isinstance(above, list):
        tables = below if isinstance(below, list) else []
        named = {item["name"]: item for item in tables if isinstance(item, dict) and "name" in item}
        return [
            merged(named.get(item.get("name")), item) if isinstance(item, dict) else item
            for item in above
        ]
    return above


def put(below: Any, path: Sequence[str], value: Any) -> Any:
    """Return `below` with the value at a path overridden: keys, and numbers in lists.

    Raises:
        ConfigError: the path leads into a value that is not a table, or past the end of a list.
    """
    return _put(below, path, value, "")


def _put(below: Any, path: Sequence[str], value: Any, at: str) -> Any:
    if not path:
        return merged(below, value)
    key, rest = path[0], path[1:]
    inner = f"{at}.{key}" if at else key
    if isinstance(below, list):
        if not below:
            message = f"{at} is an empty list: it has no item {key} to change"
            raise ConfigError(hint(message, f'{at}=[{{name="...", ...}}], the whole list'))
        if not key.isdecimal() or int(key) >= len(below):
            valid = f"one of {', '.join(map(str, range(len(below))))}"
            raise ConfigError(hint(f"{at} has no item {key!r}", valid))
        i = int(key)
        return [*below[:i], _put(below[i], rest, value, inner), *below[i + 1 :]]
    table = {} if below is None else below
    if not isinstance(table, dict):
        name = at.rpartition(".")[2]
        advice = f'{name} = {{ name = "{table}" }}' if name in _NAMED else f"{at} itself"
        raise ConfigError(hint(f"{at} is {table!r}, which has no {key!r}", advice))
    if not rest:
        return merged(table, {key: value})
    return table | {key: _put(table.get(key), rest, value, inner)}


def _has(table: Any, path: Sequence[str]) -> bool:
    """Return whether a path of keys exists."""
    for key in path:
        if not isinstance(table, Mapping) or key not in table:
            return False
        table = table[key]
    return True


def _sets(table: Mapping[str, Any], key: str) -> bool:
    """Return whether a table gives an option a value other than "none"."""
    return key in table and table[key] != "none"


def _is_another(below: dict[str, Any], above: dict[str, Any]) -> bool:
    return any(
        key in below and key in above and not _is_same(below[key], above[key])
        for key in ("name", "type")
    )


def _is_same(name: Any, other: Any) -> bool:
    """Whether two names are the same, whatever their case."""
    return bool(name == other) or (isinstance(name, str) and find(other, [name]) is not None)
