"""Errors of the library in the words of the command line: `--lr 0.1` for `lr=0.1`."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import click
from click.core import ParameterSource

from xpcnn.cli.options import Option
from xpcnn.errors import ConfigError, hint


@contextmanager
def flags_in_errors(context: click.Context, wheres: Iterable[str]) -> Iterator[None]:
    """Begin the text of an error about an option with its flag, if that was given.

    wheres: beginnings of errors that already name the source of a value; "" names none.
    """
    try:
        yield
    except ConfigError as error:
        variables = {o.envvar for o in context.command.params if o.envvar}
        name, colon, text = str(error).partition(": ")
        if colon and name in variables:
            message, _, advice = text.partition("\nTry: ")
            options = {o.target: o for o in context.command.params if isinstance(o, Option)}
            raise ConfigError(hint(f"{name}: {message}", _advice(options, advice, True))) from error
        worded = in_flags(context, str(error))
        if worded is None or any(where and str(error).startswith(f"{where}: ") for where in wheres):
            raise
        raise ConfigError(hint(*worded)) from error


def in_flags(context: click.Context, text: str) -> tuple[str, str] | None:
    """Return message and advice of an error about a flag that was given; None for other errors."""
    options = {
        name: option
        for option in context.command.params
        if isinstance(option, Option)
        for name in (option.target, option.called)
    }
    message, _, advice = text.partition("\nTry: ")
    # the option as the subject of the sentence, perhaps after its owner: `SGD: lr must be`
    subject = rf"(?:^|: |, |\band |option ')(?:the )?({'|'.join(options)})\b"
    for name in re.findall(subject, message.partition("\n")[0]):
        option = options[name]
        source = context.get_parameter_source(option.target)
        if source is ParameterSource.ENVIRONMENT:
            return f"{option.envvar}: {message}", _advice(options, advice, True)
        if source is ParameterSource.COMMANDLINE:
            given = _written(option, context.params[option.target])
            # the flag says where: `SGD: lr must`, `training.optimizer (sgd): lr is`
            message = re.sub(r"^(?:[A-Z]\w*|training\.\S+(?: \(\S+\))?): ", "", message)
            message = re.sub(r"\nat (?:training|loss)\b.*", "", message).replace(name, option.key)
            return f"{given}: {message}", _advice(options, advice)
    return None


def _written(option: Option, value: object) -> str:
    """Return a flag with its value."""
    if option.is_flag:
        return f"--{option.key}"
    return f"--{option.key} {value:g}" if isinstance(value, float) else f"--{option.key} {value}"


def _advice(options: Mapping[str, Option], advice: str, in_variables: bool = False) -> str:
    """Return advice with `--lr 0.1` for `lr=0.1`, `lr = 0.1` and `SGD(lr=0.1)`.

    in_variables: with `XPCNN_LR=0.1` in place of the flag.
    """

    def as_flag(found: re.Match[str]) -> str:
        option = options.get(found[1])
        if option is None or option.is_flag:
            return found[0]
        value = found[2].strip('"')
        return f"{option.envvar}={value}" if in_variables else _written(option, value)

    bare = re.sub(r"\b[A-Z]\w*\((\w+=[^\s,()]+)\)", r"\1", advice)
    return re.sub(r"\b(\w+) ?= ?([^\s,()\[{]+)", as_flag, bare)


def near(name: str, valid: Iterable[str], prefix: str = "") -> str:
    """Return advice for an unknown name among more than a line can list: three that are close.

    prefix: the beginning that all names share; it is left out when names are compared.
    """
    ends = sorted(end.removeprefix(prefix) for end in valid)
    found = difflib.get_close_matches(name.removeprefix(prefix), ends, n=3)
    close = "".join(f"{prefix + end!r}, " for end in found)
    return f"{close}see `xpcnn train --help`"
