"""The registry: which classes a table may name, and the objects that tables stand for.

    {"type": "Conv2D", "filters": 16, "size": 3}  ->  Conv2D(16, 3)
    {"name": "sgd", "lr": 0.1}                    ->  SGD(lr=0.1)

Layers, initializers and losses go by the name of their class; optimizers, schedules and
augmentations by the short name that flags use, and an optimizer in a model file by its class too.
Only a caller adds layer classes, never a file. The fields of a class are its options, so a new
field needs no line here. `tables` does the reverse.
"""

import dataclasses
import json
import reprlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from xpcnn import layers as public
from xpcnn import losses, optimizers, schedules
from xpcnn.argument_advice import advice_on
from xpcnn.config.training_options import TrainingOptions
from xpcnn.config.values import Objects, read_fields
from xpcnn.data import augment
from xpcnn.data.augment import Augmentation
from xpcnn.errors import ConfigError, XpcnnError, hint, nearest, with_context
from xpcnn.imported_names import NAMES
from xpcnn.initializers import INITIALIZERS, Initializer
from xpcnn.layers import Layer
from xpcnn.losses import Loss
from xpcnn.optimizers import Optimizer
from xpcnn.options import find, shown
from xpcnn.schedules import Schedule

Maker: TypeAlias = Callable[..., Any]
"""A dataclass, or a partial call of one."""


def _classes(makers: Mapping[str, Maker]) -> Mapping[str, type]:
    """Return the classes among makers by their own name."""
    return {kind.__name__: kind for kind in makers.values() if isinstance(kind, type)}


LAYERS: Mapping[str, type] = {
    name: getattr(public, name)
    for name in public.__all__
    if dataclasses.is_dataclass(getattr(public, name)) and name != "Activation"
}
LOSSES = _classes(losses.BY_NAME)
OPTIMIZERS = _classes(optimizers.BY_NAME)

OWN_LAYER = (
    "a layer class of your own, a frozen dataclass of numbers, texts, tuples of them, layers and "
    "initializers; xpcnn.load(path, layers=[YourLayer]) reads it"
)


class Kind(NamedTuple):
    """The classes that a table may name in one place: `makers` by name, called `what` in errors.

    key: of the table's entry with the name, "type" for the name of a class, which is exact, or
    "name" for a short name, in any case. more: is added to the advice for an unknown name.
    """

    what: str
    key: str
    makers: Mapping[str, Maker]
    more: str = ""


BY_SHORT_NAME: Mapping[Any, Kind] = {
    Optimizer: Kind("optimizer", "name", optimizers.BY_NAME),
    Schedule: Kind("schedule", "name", schedules.BY_NAME),
    Augmentation: Kind("augmentation", "name", augment.BY_NAME),
}
"""What training options hold, by the type hint of its place."""


def objects(extra_layers: Iterable[type] | None = None) -> Objects:
    """Return the functions that make objects from the tables of model files.

    They are for `values.read_fields`.

    Args:
        extra_layers: layer classes (dataclasses) that a table may name beside the public ones; None
            if the caller cannot give any.

    Raises:
        ConfigError: an extra layer is not a dataclass, or has the name of a public one.
    """
    if not isinstance(extra_layers, Iterable | None):
        message = f"layers is {shown(extra_layers)}, expected a list of classes"
        raise ConfigError(hint(message, "layers=[MyLayer]"))
    layers = {**LAYERS, **_own(extra_layers or ())}
    more = (
        ""
        if extra_layers is None
        else "; a class of your own: xpcnn.load(path, layers=[ThatClass])"
    )
    return _makers(
        {
            Layer: Kind("layer", "type", layers, more),
            Initializer: Kind("initializer", "type", INITIALIZERS),
            Optimizer: Kind("optimizer", "type", OPTIMIZERS),
            Loss: Kind("loss", "type", LOSSES),
        }
    )


def preset_objects() -> Objects:
    """Return the functions that make objects from the tables of presets."""
    made = {**objects(), **_makers(BY_SHORT_NAME)}
    made[TrainingOptions] = lambda table, at: TrainingOptions(
        **read_fields(TrainingOptions, _without_none(table), at, at, made)
    )
    return made


def _own(extra_layers: Iterable[type]) -> Mapping[str, type]:
    """Return layer classes of the user's own by name."""
    own = {}
    for kind in extra_layers:
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
            name = kind.__name__ if isinstance(kind, type) else repr(kind)
            raise ConfigError(hint(f"layers: {name} is not a dataclass", OWN_LAYER))
        if kind.__name__ in LAYERS:
            message = f"layers: {kind.__name__} is the name of a layer that is part of xpcnn"
            raise ConfigError(hint(message, "another name for the class"))
        own[kind.__name__] = kind
    return own


def _makers(kinds: Mapping[Any, Kind]) -> dict[Any, Callable[[dict[str, Any], str], Any]]:
    made: dict[Any, Callable[[dict[str, Any], str], Any]] = {}
    made |= {place: partial(_object, kind, made) for place, kind in kinds.items()}
    return made


def _object(kind: Kind, made: Objects, table: dict[str, Any], at: str) -> Any:
    """Return the object that the table at a path describes."""
    what, key, makers, more = kind
    where = at or what
    name = table.get(key)
    if not isinstance(name, str):
        got = reprlib.repr(name)
        problem = f"{key} is missing" if name is None else f"{key} is {got}, expected a text"
        raise ConfigError(hint(f"{where}: {problem}", f'{key} = "...", {nearest("", makers)}'))
    known = find(name, makers) if key == "name" else name
    if known is None or known not in makers:
        unknown = f"{what} type" if key == "type" else what
        message = f"{where}: unknown {unknown} {reprlib.repr(name)}"
        meant = NAMES["xpcnn.layers"].get(name) if key == "type" else None
        raise ConfigError(hint(message, meant or advice_on(name, makers) + more))
    maker = makers[known]
    label = f"{at} ({name})" if at else name
    options = {option: value for option, value in table.items() if option != key}
    form: Any = maker.func if isinstance(maker, partial) else maker
    other = "name" if key == "type" else "type"
    if other in options and other not in getattr(form, "__dataclass_fields__", ()):
        advice = f"{key} = {json.dumps(options[other], default=str)}"
        raise ConfigError(hint(f"{label} has no option {other!r}", advice))
    values = read_fields(form, options, at, label, made)
    try:
        return maker(**values)
    except XpcnnError as error:
        raise (with_context(error, f"at {label}") if at else error) from None
    except (TypeError, ValueError) as error:  # what a user's class may raise
        raise ConfigError(hint(f"{label}: {error}", f"options that {name} accepts")) from error


def _without_none(value: Any) -> Any:
    """Return nested tables with None, which TOML lacks, for the text "none"."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return None if value == "none" else value
