"""The request for a run: --set overrides a flag, a flag its variable, and a variable the file.

Keys are the names of the long flags, and three tables: `layers`, `loss`, `training`. Rejects
unknown keys and values of the wrong type; `settings` merges the request with the preset.
"""

import dataclasses
import os
import reprlib
import shlex
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from xpcnn.cli.error_text import near
from xpcnn.cli.flag_parsing import NONE
from xpcnn.cli.flag_values import Flags
from xpcnn.cli.options import Option
from xpcnn.config import toml
from xpcnn.config.overlay import Change, Source
from xpcnn.config.training_options import TrainingOptions
from xpcnn.data.files import is_there
from xpcnn.errors import ConfigError, hint, prefix_errors
from xpcnn.options import as_float

TABLES = ("layers", "loss", "training")
"""The keys of a preset that a run can change; its shape and its classes are those of the data."""

_PLACES = ("dataset", "data-dir", "validation", "init")
"""Keys whose values are or may be paths."""

_ABOUT = ("config", "set")
"""Flags that say where values come from: a file cannot have them as keys."""

_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "a text"),
    "integer": ((int,), "a whole number"),
    "float": ((float,), "a number"),
    "boolean": ((bool,), "true or false"),
    "whole_or_none": ((int, str), 'a whole number or "none"'),
    "number_or_none": ((float, str), 'a number or "none"'),
    "fraction_or_path": ((float, str), "a number or a path"),
}
"""By the name of click's type: Python's types, and how errors call them."""

_EXAMPLES: Mapping[str, str] = {
    "a text": '{} = "..."',
    "a whole number": "{} = 10",
    "a number": "{} = 0.5",
    "true or false": "{} = true",
    'a whole number or "none"': "{} = 10",
    'a number or "none"': "{} = 0.5",
    "a number or a path": "{} = 0.1",
}


class Request:
    """The options that were requested for a run.

    flags: values that are not part of a preset.
    changes: changes of the preset, in order.
    name: name of a network that is not a preset.

    Raises:
        ConfigError: a key is unknown, or its value of the wrong kind.
    """

    def __init__(self, context: click.Context) -> None:
        options = {o.key: o for o in context.command.params if isinstance(o, Option)}
        values = {key: context.params[option.target] for key, option in options.items()}
        self._options = {key: o for key, o in options.items() if key not in _ABOUT}
        self._flags = {o.target: values[key] for key, o in self._options.items() if not o.at}
        self._places: dict[str, str] = {}
        self.changes: list[Change] = []
        self.name = "own"
        if values["config"] is not None:
            self._take_file(Path(values["config"]))
        for origin in (ParameterSource.ENVIRONMENT, ParameterSource.COMMANDLINE):
            in_variables = origin is ParameterSource.ENVIRONMENT
            given = {
                key: values[key]
                for key, option in options.items()
                if context.get_parameter_source(option.target) is origin
            }
            source = Source()
            for key, value in given.items():
                if key not in _ABOUT:
                    self._take(source, str(options[key].envvar) if in_variables else "", key, value)
            for assignment in given.get("set", ()):
                self._assign(source, assignment)
            self.changes += source.changes
            if not in_variables and "data-dir" in given and self._flags["dataset"] is None:
                folder = shlex.quote(given["data-dir"])
                message = "--data-dir is given without --dataset, and digits are in no folder"
                named = "the name of a data set too, such as --dataset mnist"
                advice = f"--dataset {folder}, for images of your own; or {named}"
                raise ConfigError(hint(message, advice))
        self.flags = Flags(**self._flags | {"dataset": self._flags["dataset"] or "digits"})
        self._check_places(context)

    @property
    def wheres(self) -> set[str]:
        """Beginnings of errors that already name the source of a value."""
        return {change.where for change in self.changes} | {str(self.flags.model)}

    def _take_file(self, path: Path) -> None:
        """Take the keys of a file; the paths of `model` and `init` are from its folder."""
        is_piped = path == Path("-")
        text = _standard_input() if is_piped else toml.read(path)
        source, where = Source(), "standard input" if is_piped else str(path)
        with prefix_errors(where):
            given = toml.parse(text)
            if {"name", "layers"} <= given.keys() and "model" not in given:
                advice = f"--model {path}; or the config.toml beside it, to repeat a run"
                raise ConfigError(hint("describes a network, not a run", advice))
            for key in given:
                self._check(key)
            for name in given["training"] if isinstance(given.get("training"), dict) else ():
                self._check_training(name, "{} = ... above the first line with [...]")
            model = given.get("model")
            if isinstance(model, str) and model.endswith(".toml"):
                given["model"] = str(path.parent / model)
            if isinstance(given.get("init"), str):
                given["init"] = str(path.parent / given["init"])
            values: dict[str, tuple[tuple[str, ...], Any]] = {
                key: ((key,), given.pop(key)) for key in TABLES if key in given
            }
            for key, value in given.items():
                if at := self._options[key].at:
                    values[key] = at, _read(self._options[key], value)
                else:
                    self._keep(key, value)
                    if key in _PLACES and isinstance(value, str):
                        self._places[key] = value
            source.take(where, values)
        self.changes += source.changes
        self.name = self.name if is_piped else path.stem

    def _take(self, source: Source, where: str, key: str, value: Any) -> None:
        """Take the value of a flag: a change of the preset at its path, if it has one."""
        option = self._options[key]
        if option.at:
            source.assign(where, option.at, _read(option, value))
        else:
            self._keep(key, value)

    def _keep(self, key: str, value: Any) -> None:
        """Keep a value that is not part of a preset."""
        option = self._options[key]
        self._flags[option.target] = _read(option, value)

    def _check_places(self, context: click.Context) -> None:
        """Require that the files and folders which a file of a run names are where it says, unless
        a flag names others: they may have been moved since.

        Raises:
            ConfigError: one is not there; says how to name its new place.
        """
        for key, value in self._places.items():
            if self._flags[self._options[key].target] != value:
                return  # of other data, the rest of the file says nothing
            if os.path.isabs(value) and not is_there(value, ConfigError):
                file = context.params["config"]
                advice = f"--{key} with where it is now"
                if Option.RECORDED in context.meta:
                    advice = f"where it is now as {key} in {file}"
                message = f"{file}: {key} is {value!r}, and there is no such file or folder"
                raise ConfigError(hint(message, advice))

    def _assign(self, source: Source, assignment: str) -> None:
        """Take one `a.b=value`."""
        where = f"--set {assignment if len(assignment) <= 200 else assignment[:200] + '...'}"
        with prefix_errors(where):
            path, equals, text = assignment.partition("=")
            if not equals:
                advice = "KEY=VALUE, such as training.optimizer.lr=0.1"
                raise ConfigError(hint("there is no value", advice))
            key, *rest = _keys(path)
            self._check(key)
            value = _value(text.strip())
            if key == "training" and rest:
                self._check_training(rest[0], "--{} ...")
            if key in TABLES:
                source.assign(where, (key, *rest), value)
            elif rest:
                has_table = key in ("optimizer", "schedule", "augment")
                advice = f"training.{assignment}" if has_table else f"{key} itself"
                raise ConfigError(hint(f"{key} has no keys in it", advice))
            else:
                self._take(source, where, key, value)

    def _check(self, key: str) -> None:
        valid = (*self._options, *TABLES)
        if key not in valid:
            raise ConfigError(hint(f"unknown key {key!r}", near(key, valid)))

    def _check_training(self, name: str, advice: str) -> None:
        """Reject a key of the table `training` that is one of the file itself.

        advice: with {} for the key.
        """
        key = name.replace("_", "-")
        fields = {field.name for field in dataclasses.fields(TrainingOptions)}
        if name not in fields and key in self._options:
            message = f"training has no option {name!r}; {key} is a key outside of all tables"
            raise ConfigError(hint(message, advice.format(key)))


def _standard_input() -> str:
    """Return the text of standard input.

    Raises:
        ConfigError: it is no text in UTF-8, or too long.
    """
    content = b"" if sys.stdin is None else sys.stdin.buffer.read(toml.LIMIT + 1)
    return toml.decoded("standard input", content)


def _read(option: Option, value: Any) -> Any:
    """Return a value as the flag takes it; whole numbers pass for numbers and for texts."""
    kinds, described = _KINDS[option.type.name]
    if type(value) is int and kinds[0] in (float, str):
        value = as_float(value) if kinds[0] is float else str(value)
    other_text = isinstance(value, str) and value != NONE and option.type.name.endswith("_or_none")
    if type(value) not in kinds or other_text:
        message = f"{option.key} is {reprlib.repr(value)}, expected {described}"
        advice = _EXAMPLES[described].format(option.key)
        if isinstance(value, dict) and option.at:
            advice = f"[{'.'.join(option.at[:2])}] for such a table"
        elif isinstance(value, list) and kinds[0] is str and value:
            advice = f'{option.key} = "{",".join(map(str, value))}"'
        raise ConfigError(hint(message, advice))
    return value if option.parse is None else option.parse(value)


def _keys(path: str) -> list[str]:
    """Return the keys of a path as in TOML, where quotes keep a key with dots whole."""
    try:
        table: Any = tomllib.loads(f"{path} = 0")
    except (ValueError, RecursionError) as error:
        advice = """quotes around what is not a word: 'training.layer_lr."layers.0.*"=0.1'"""
        raise ConfigError(hint(f"{path} is not a key", advice)) from error
    keys = []
    while isinstance(table, dict):
        key, table = next(iter(table.items()))
        keys.append(key)
    return keys


def _value(text: str) -> Any:
    """Return a value as in TOML, or the text itself where it is none."""
    try:
        tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    except (ValueError, RecursionError):
        pass  # `parse` says of what
    return toml.parse(f"value = {text}")["value"]
