"""Layers, initializers, losses and optimizers to and from plain tables, as files have them.

    Conv2D(16, 3, bias=False)  <->  {"type": "Conv2D", "filters": 16, "size": 3, "bias": False}

Fields that have their default are left out; containers nest the tables of their layers. Which types
a table may name is fixed here: the public layers, initializers and losses; only a caller adds
layers, never a file. Refuses layers that a table cannot describe: those that are no dataclasses, or
hold anything but plain values, layers and initializers (`Activation` holds functions).
"""

import dataclasses
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any, TypeAlias, cast

from xpcnn import layers as public
from xpcnn import losses, optimizers
from xpcnn.errors import ConfigError, XpcnnError, hint, nearest, with_context
from xpcnn.initializers import INITIALIZERS, Initializer
from xpcnn.io.values import Objects, read_fields
from xpcnn.layers import Layer
from xpcnn.losses import Loss
from xpcnn.optimizers import Optimizer
from xpcnn.options import shown

Config: TypeAlias = dict[str, Any]
"""A table: the type's name, and its fields as None, bool, int, float, str, list or table."""

LAYERS: Mapping[str, type] = {
    name: getattr(public, name)
    for name in public.__all__
    if dataclasses.is_dataclass(getattr(public, name)) and name != "Activation"
}

OPTIMIZERS: Mapping[str, type] = {
    kind.__name__: kind for kind in optimizers.BY_NAME.values() if isinstance(kind, type)
}

LOSSES: Mapping[str, type] = {
    kind.__name__: kind for kind in losses.BY_NAME.values() if isinstance(kind, type)
}

_OWN_LAYER = (
    "a layer class of your own, a frozen dataclass of numbers, texts, tuples of them, layers and "
    "initializers; xpcnn.load(path, layers=[YourLayer]) reads it"
)
_INITIALIZER = f"one of xpcnn.initializers: {', '.join(INITIALIZERS)}"


def to_config(thing: Layer | Initializer | Loss | Optimizer) -> Config:
    """Return the table that describes a layer, an initializer, a loss or an optimizer.

    A layer class of the user's own is described by its name; reading needs the class again
    (`extra_layers`).

    Raises:
        ConfigError: the thing, or a layer in it, cannot be described; says which and what to do.
    """
    return _table(thing, "")


def from_config(config: Mapping[str, Any], extra_layers: Iterable[type] = ()) -> Layer:
    """Return the layer that a table describes, the inverse of `to_config`.

    Args:
        extra_layers: layer classes (dataclasses) that a table may name beside the public ones.

    Raises:
        ConfigError: an unknown type or option, a missing one, or a value that does not fit.
    """
    return cast(Layer, objects(extra_layers)[Layer](dict(config), ""))


def objects(extra_layers: Iterable[type] | None = None) -> Objects:
    """Return what makes layers and all else of tables, for `values.read_fields`.

    Args:
        extra_layers: as in `from_config`; None where no caller can give any.
    """
    layers = dict(LAYERS)
    if not isinstance(extra_layers, Iterable | None):
        message = f"layers is {shown(extra_layers)}, expected a list of classes"
        raise ConfigError(hint(message, "layers=[MyLayer]"))
    for kind in extra_layers or ():
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
            name = kind.__name__ if isinstance(kind, type) else repr(kind)
            raise ConfigError(hint(f"layers: {name} is no class of dataclasses", _OWN_LAYER))
        if kind.__name__ in LAYERS:
            message = f"layers: {kind.__name__} is the name of a layer that is part of xpcnn"
            raise ConfigError(hint(message, "another name for the class"))
        layers[kind.__name__] = kind

    more = "" if extra_layers is None else "; a class of your own is given as layers=[...]"
    made: dict[Any, Callable[[Config, str], Any]] = {}
    made[Layer] = partial(_object, "layer", layers, more, made)
    made[Initializer] = partial(_object, "initializer", INITIALIZERS, "", made)
    made[Optimizer] = partial(_object, "optimizer", OPTIMIZERS, "", made)
    made[Loss] = partial(_object, "loss", LOSSES, "", made)
    return made


def own_layers(layer: Layer) -> tuple[type, ...]:
    """Return the layer classes in a network that are not part of xpcnn, each once."""
    found: dict[type, None] = {}

    def look(value: Any) -> None:
        if isinstance(value, list | tuple):
            for item in value:
                look(item)
        elif isinstance(value, Layer) and dataclasses.is_dataclass(value):
            if type(value) not in LAYERS.values():
                found[type(value)] = None
            for field in dataclasses.fields(value):
                look(getattr(value, field.name))

    look(layer)
    return tuple(found)


def _object(
    what: str, kinds: Mapping[str, type], more: str, made: Objects, table: Config, at: str
) -> Any:
    """Return the object that a table at a path describes; `more` is for unknown types."""
    where = at or what
    name = table.get("type")
    if not isinstance(name, str):
        shown = reprlib.repr(name)
        problem = "type is missing" if name is None else f"type is {shown}, expected a text"
        raise ConfigError(hint(f"{where}: {problem}", f'type = "...", {nearest("", kinds)}'))
    if name not in kinds:
        message = f"{where}: unknown {what} type {reprlib.repr(name)}"
        raise ConfigError(hint(message, nearest(name, kinds) + more))
    label = f"{at} ({name})" if at else name
    options = {key: value for key, value in table.items() if key != "type"}
    values = read_fields(kinds[name], options, at, label, made)
    try:
        return kinds[name](**values)
    except XpcnnError as error:
        raise (with_context(error, f"at {label}") if at else error) from None
    except (TypeError, ValueError) as error:  # what a user's class may raise
        raise ConfigError(hint(f"{label}: {error}", f"options that {name} accepts")) from error


def _table(thing: Any, at: str) -> Config:
    """Return the table of an object at a path."""
    kind = type(thing)
    label = f"{at} ({kind.__name__})" if at else kind.__name__
    known = {**LAYERS, **INITIALIZERS, **LOSSES, **OPTIMIZERS}.get(kind.__name__)
    if known is None and not isinstance(thing, Layer):
        names = ", ".join(sorted({**INITIALIZERS, **LOSSES, **OPTIMIZERS}))
        message = f"{label}: a file cannot describe what is no layer and not part of xpcnn"
        raise ConfigError(hint(message, f"one of {names}"))
    if not dataclasses.is_dataclass(kind):
        message = f"{label}: a file cannot describe a layer that is no dataclass"
        raise ConfigError(hint(message, _OWN_LAYER))
    if known not in (None, kind):
        message = (
            f"{label}: a class of this name is part of xpcnn, and a file could not tell them apart"
        )
        raise ConfigError(hint(message, "another name for the class"))
    table: Config = {"type": kind.__name__}
    for field in dataclasses.fields(thing):
        what = f"{label}: {field.name}"
        if field.name == "type":
            raise ConfigError(hint(f"{what} cannot be kept: files use this name", "another name"))
        inner = f"{at}.{field.name}" if at else field.name
        advice = _INITIALIZER if field.type is Initializer else _OWN_LAYER
        value = _plain(getattr(thing, field.name), inner, what, advice)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if default is dataclasses.MISSING or value != _plain(default, "", what, advice):
            table[field.name] = value
    return table


def _plain(value: Any, at: str, what: str, advice: str) -> Any:
    """Return a field's value as plain ones; `what` and `advice` are for the error."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and math.isfinite(value):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{at}.{i}", what, advice) for i, item in enumerate(value)]
    if type(value) in INITIALIZERS.values() or isinstance(value, Layer):
        return _table(value, at)
    shown = repr(value) if isinstance(value, Real) else f"a {type(value).__name__}"
    raise ConfigError(hint(f"{what} is {shown}, which a file cannot hold", advice))
