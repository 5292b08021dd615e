"""Objects to plain tables, as in files; `registry` does the reverse.

    Conv2D(16, 3, bias=False)  ->  {"type": "Conv2D", "filters": 16, "size": 3, "bias": False}

Model files leave out fields with their default value; the training options of a run folder are
complete. Rejects layers that a table cannot describe: layers that are not dataclasses, or have
fields other than plain values, layers and initializers (`Activation` has functions).
"""

import dataclasses
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias

from xpcnn.config.registry import BY_SHORT_NAME, LAYERS, LOSSES, OPTIMIZERS, OWN_LAYER
from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import ConfigError, hint
from xpcnn.initializers import INITIALIZERS, Initializer
from xpcnn.layers import Layer
from xpcnn.losses import Loss
from xpcnn.optimizers import Optimizer

Config: TypeAlias = dict[str, Any]
"""A table: the type's name, and its fields as None, bool, int, float, str, list or table."""

_INITIALIZER = f"one of xpcnn.initializers: {', '.join(INITIALIZERS)}"

_SHORT_NAMES = {
    maker: name
    for kind in BY_SHORT_NAME.values()
    for name, maker in kind.makers.items()
    if isinstance(maker, type)
}


def to_config(thing: Layer | Initializer | Loss | Optimizer) -> Config:
    """Return the table that describes a layer, an initializer, a loss or an optimizer.

    A layer class of the user's own is described by its name; reading needs the class again
    (`extra_layers`).

    Raises:
        ConfigError: the thing, or a layer in it, cannot be described; says which and what to do.
    """
    return _table(thing, "")


def training_table(training: TrainingOptions) -> dict[str, Any]:
    """Return the table `[training]` with every option, "none" for None."""
    table: dict[str, Any] = option_value(training)
    return table


def option_value(value: Any) -> Any:
    """Return a training option as a TOML value; `registry.preset_objects` does the reverse."""
    if value is None:
        return "none"
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        options = {name: option_value(getattr(value, name)) for name in names}
        name = _SHORT_NAMES.get(type(value))
        return options if name is None else {"name": name, **options}
    if isinstance(value, list | tuple):
        return [option_value(item) for item in value]
    if isinstance(value, Mapping):
        return {key: option_value(item) for key, item in value.items()}
    return value


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


def _table(thing: Any, at: str) -> Config:
    """Return the table of an object at a path."""
    kind = type(thing)
    label = f"{at} ({kind.__name__})" if at else kind.__name__
    known = {**LAYERS, **INITIALIZERS, **LOSSES, **OPTIMIZERS}.get(kind.__name__)
    if known is None and not isinstance(thing, Layer):
        message = f"{label} is not part of xpcnn: a file describes only layers of your own"
        advice = f"one of {', '.join(INITIALIZERS)}"
        if hasattr(thing, "decide"):
            advice = f"model.get_weights() for the weights; or one of {', '.join(LOSSES)}"
        elif hasattr(thing, "update"):
            advice = f"one of {', '.join(OPTIMIZERS)}"
        raise ConfigError(hint(message, advice))
    if not dataclasses.is_dataclass(kind):
        message = f"{label}: a file cannot describe a layer that is not a dataclass"
        raise ConfigError(hint(message, OWN_LAYER))
    if known not in (None, kind):
        message = (
            f"{label}: a class of this name is part of xpcnn, and a file could not tell them apart"
        )
        raise ConfigError(hint(message, "another name for the class"))
    table: Config = {"type": kind.__name__}
    for field in dataclasses.fields(thing):
        what = f"{label}: {field.name}"
        if field.name == "type":
            raise ConfigError(hint(f"{what} is a name that files use themselves", "another name"))
        inner = f"{at}.{field.name}" if at else field.name
        advice = _INITIALIZER if field.type is Initializer else OWN_LAYER
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
