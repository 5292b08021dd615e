"""Plain values of JSON and TOML to the typed fields of dataclasses.

A field's type hint decides: lists become tuples, whole numbers are accepted as floats, nothing else
is converted. Rejects unknown names, missing fields and values of another kind with a `ConfigError`
that says where: paths are those of parameters, such as `layers.3.body.layers.0`.
"""

import dataclasses
import json
import math
import reprlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from xpcnn.argument_advice import advice_on
from xpcnn.errors import ConfigError, hint, nearest, prefix_errors
from xpcnn.options import as_float

Objects: TypeAlias = Mapping[Any, Callable[[dict[str, Any], str], Any]]
"""For fields that hold objects: from the type hint to what makes one of a table at a path."""


class _OtherKindError(Exception):
    """The value is not of the kind that a type hint asks for."""


def read_kind(table: Mapping[str, Any], at: str, key: str, kinds: Mapping[str, type]) -> Any:
    """Return the object of plain fields that a table describes, every field checked.

    Args:
        at: path of the table.
        key: the entry of the table that names the class of the object.
        kinds: dataclasses by name.

    Raises:
        ConfigError: an unknown class, an unknown, missing or ill-typed field, or values that make
            no sense.
    """
    fields = dict(table)
    name = fields.pop(key, None)
    if not isinstance(name, str) or name not in kinds:
        raise ConfigError(hint(f"{at}: {key} is {name!r}", nearest(str(name), kinds)))
    with prefix_errors(at):
        return kinds[name](**read_fields(kinds[name], fields, at, name, {}))


def read_fields(
    kind: type, table: Mapping[str, Any], at: str, label: str, objects: Objects
) -> dict[str, Any]:
    """Return the values of a table with the types of the fields of the dataclass `kind`.

    Args:
        at: path of the table.
        label: what errors call the table.

    Raises:
        ConfigError: an unknown, missing or ill-typed field.
    """
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for name in table:
        if name not in fields:
            advice = advice_on(str(name), fields) if fields else "leave it out: it takes none"
            raise ConfigError(hint(f"{label} has no option {reprlib.repr(name)}", advice))
    missing = [name for name, field in fields.items() if _required(field) and name not in table]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        example = ", ".join(f"{name} = ..." for name in missing)
        raise ConfigError(
            hint(f"{label}: {' and '.join(missing)} {verb} missing", f"add {example}")
        )
    hints = get_type_hints(kind)
    return {
        name: _read(
            hints[name], value, _join(at, name), f"{label}: {name}", objects, fields[name].default
        )
        for name, value in table.items()
    }


def _read(kind: Any, value: Any, at: str, label: str, objects: Objects, default: Any) -> Any:
    try:
        return _fit(kind, value, at, objects)
    except _OtherKindError:
        got = "a table" if isinstance(value, Mapping) else reprlib.repr(value)
        message = f"{label} is {got}, expected {_describe(kind, objects)}"
        example = default if type(default) is float is kind else _example(kind, objects)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str):  # the name alone
            key = "name" if at.startswith("training.") else "type"
            example = str(example).replace("{ ... }", f"{{ {key} = {json.dumps(first)} }}")
        advice = f"{at.rpartition('.')[2]} = {example}"
        raise ConfigError(hint(message, advice)) from None


def _fit(kind: Any, value: Any, at: str, objects: Objects) -> Any:
    """Return `value` as the type hint `kind` has it; nested tables may raise a ConfigError."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if kind in objects:
        if isinstance(value, dict):
            return objects[kind](value, at)
    elif origin in (Union, types.UnionType):
        for option in sorted(args, key=lambda option: option is float):  # 1 stays whole
            try:
                return _fit(option, value, at, objects)
            except _OtherKindError:
                continue
    elif origin is Literal:
        if any(type(value) is type(option) and value == option for option in args):
            return value
    elif origin in (dict, Mapping):
        if isinstance(value, dict):
            return value
    elif origin in (tuple, list, Sequence):
        if isinstance(value, list | tuple):
            kinds = args if origin is tuple and args[-1] is not ... else args[:1] * len(value)
            if len(kinds) == len(value):
                return tuple(
                    _fit(item_kind, item, _join(at, str(i)), objects)
                    for i, (item_kind, item) in enumerate(zip(kinds, value, strict=True))
                )
    elif kind is float:
        if type(value) in (int, float) and math.isfinite(number := as_float(value)):
            return number
    elif type(value) is kind:  # int, bool, str, None; a bool is no int
        return value
    raise _OtherKindError


_ONE = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a text"}
_MANY = {int: "whole numbers", float: "finite numbers", str: "texts"}


def _describe(kind: Any, objects: Objects) -> str:
    """Return a description of the values that a field accepts."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        options = [_describe(option, objects) for option in args if option is not types.NoneType]
        return " or ".join(options)
    if origin is Literal:
        return " or ".join(map(repr, args))
    if origin in (dict, Mapping) or kind in objects:
        return "a table"
    if origin in (tuple, list, Sequence):
        return f"a list of {_plural(kind, objects)}"
    return _ONE.get(kind, str(kind))


def _example(kind: Any, objects: Objects) -> str:
    """Return a value that a field may have, as TOML writes it."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _example(args[0], objects)
    if origin is Literal:
        return f'"{args[0]}"'
    if origin in (dict, Mapping) or kind in objects:
        return "{ ... }"
    if origin in (tuple, list, Sequence):
        number = 1 if origin is not tuple or args[-1] is ... else len(args)
        return f"[{', '.join([_example(args[0], objects)] * number)}]"
    return {int: "2", float: "0.5", bool: "true", str: '"..."'}.get(kind, "...")


def _plural(kind: Any, objects: Objects) -> str:
    """Return in words what a list holds: its number, if fixed, and the kind."""
    item, *others = get_args(kind)
    number = f"{len(others) + 1} " if others and others[-1] is not ... else ""
    if item in objects:
        return f"{number}tables"
    if get_origin(item) is tuple:
        return f"{number}lists of {_plural(item, objects)}"
    if get_origin(item) in (Union, types.UnionType):
        return number + " or ".join(_MANY[kind] for kind in get_args(item) if kind in _MANY)
    return number + _MANY.get(item, _describe(item, objects))


def _required(field: dataclasses.Field[Any]) -> bool:
    nothing = dataclasses.MISSING
    return field.default is nothing and field.default_factory is nothing


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
