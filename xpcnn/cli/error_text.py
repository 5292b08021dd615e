"""What the library says of options, in the words of the command line: `--lr 0.1` for `lr=0.1`."""

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

    wheres: beginnings of errors that tell already whose the value is; an empty one tells nothing.
    """
    try:
        yield
    except ConfigError as error:
        said = in_flags(context, str(error))
        if said is None or any(where and str(error).startswith(f"{where}: ") for where in wheres):
            raise
        raise ConfigError(hint(*said)) from error


def in_flags(context: click.Context, text: str) -> tuple[str, str] | None:
    """Return message and advice of an error about a flag that was given; None of another error."""
    options = {
        name: option
        for option in context.command.params
        if isinstance(option, Option)
        for name in (option.target, option.called)
    }
    message, _, advice = text.partition("\nTry: ")
    # the subject of the sentence, behind whose it is: `SGD: lr must be`, `patience and ema need`
    subject = rf"(?:^|: |, |\band |option ')(?:the )?({'|'.join(options)})\b"
    for name in re.findall(subject, message.partition("\n")[0]):
        option = options[name]
        if context.get_parameter_source(option.target) is ParameterSource.COMMANDLINE:
            given = _written(option, context.params[option.target])
            message = re.sub(r"^[A-Z]\w*: ", "", message).replace(name, option.key)
            return f"{given}: {message}", _advice(options, advice)
    return None


def _written(option: Option, value: object) -> str:
    """Return a flag with its value."""
    if option.is_flag:
        return f"--{option.key}"
    return f"--{option.key} {value:g}" if isinstance(value, float) else f"--{option.key} {value}"


def _advice(options: Mapping[str, Option], advice: str) -> str:
    """Return advice with `--lr 0.1` for `lr=0.1`, `lr = 0.1` and `SGD(lr=0.1)`."""

    def as_flag(found: re.Match[str]) -> str:
        option = options.get(found[1])
        if option is None or option.is_flag:
            return found[0]
        return _written(option, found[2].strip('"'))

    bare = re.sub(r"\b[A-Z]\w*\((\w+=[^\s,()]+)\)", r"\1", advice)
    return re.sub(r"\b(\w+) ?= ?([^\s,()\[{]+)", as_flag, bare)


def near(name: str, valid: Iterable[str]) -> str:
    """Return advice for an unknown name among more than a line can list: three that are close."""
    close = "".join(f"{found!r}, " for found in difflib.get_close_matches(name, sorted(valid), n=3))
    return f"{close}see `xpcnn train --help`"
