"""The tables of presets, and what they stand for: `{ name = "sgd", lr = 0.1 }` and SGD(lr=0.1).

Reads the fields of dataclasses as they are, so that a new option needs no line here.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

from xpcnn import optimizers, schedules
from xpcnn.data import augment
from xpcnn.errors import ConfigError, XpcnnError, hint, nearest, with_context
from xpcnn.habits import advice_on
from xpcnn.io import registry
from xpcnn.io.values import Objects, read_fields
from xpcnn.optimizers import Optimizer
from xpcnn.options import find
from xpcnn.schedules import Schedule
from xpcnn.training import TrainingOptions

_KINDS: Mapping[Any, tuple[str, Mapping[str, Callable[..., Any]]]] = {
    Optimizer: ("optimizer", optimizers.BY_NAME),
    Schedule: ("schedule", schedules.BY_NAME),
    augment.Augmentation: ("augmentation", augment.BY_NAME),
}
"""What a table {name = ..., options} may stand for, by the type hint of its place."""

_NAMES = {
    maker: name
    for _, makers in _KINDS.values()
    for name, maker in makers.items()
    if isinstance(maker, type)
}


def objects() -> Objects:
    """Return what makes layers, losses and options of their tables, for `values.read_fields`."""
    made: dict[Any, Any] = {**registry.objects()}
    for place, (kind, makers) in _KINDS.items():
        made[place] = partial(_by_name, kind, makers, made)
    made[TrainingOptions] = lambda table, at: TrainingOptions(
        **read_fields(TrainingOptions, _without_none(table), at, at, made)
    )
    return made


def training_table(training: TrainingOptions) -> dict[str, Any]:
    """Return the table `[training]` that says every option, "none" for None."""
    table: dict[str, Any] = _plain(training)
    return table


def _plain(value: Any) -> Any:
    """Return an option as TOML has it; `objects` is the way back."""
    if value is None:
        return "none"
    if is_dataclass(value):
        options = {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"name": _NAMES[type(value)], **options} if type(value) in _NAMES else options
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _without_none(value: Any) -> Any:
    """Return nested tables with None, which TOML lacks, for the text "none"."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return None if value == "none" else value


def _by_name(
    kind: str,
    makers: Mapping[str, Callable[..., Any]],
    made: Objects,
    table: dict[str, Any],
    at: str,
) -> Any:
    """Return what a table {name = ..., options} describes."""
    options = dict(table)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(hint(f"{at}: name is missing", f'name = "...", {nearest("", makers)}'))
    known = find(name, makers)
    if known is None:
        raise ConfigError(hint(f"{at}: unknown {kind} {name!r}", advice_on(name, makers)))
    maker = makers[known]
    form: Any = maker.func if isinstance(maker, partial) else maker  # a dataclass
    values = read_fields(form, options, at, f"{at} ({name})", made)
    try:
        return maker(**values)
    except XpcnnError as error:
        raise with_context(error, f"at {at} ({name})") from None
