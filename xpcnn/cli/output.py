"""What commands write: JSON that every reader takes, words on stderr."""

import errno
import json
import math
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from xpcnn.engines import opened_group
from xpcnn.errors import DataWarning, XpcnnError, hint

_PATIENCE = 2.0  # seconds


def to_json(value: Any, indent: int | None = None) -> str:
    """Return JSON; see `finite`."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)


def say(text: str, quiet: bool = False) -> None:
    """Tell a person something, on stderr; of several processes the first does."""
    if not quiet and opened_group().rank == 0:
        click.echo(text, err=True)


@contextmanager
def announced(work: str, quiet: bool = False) -> Iterator[None]:
    """On a terminal, say what the program is at if it takes longer than two seconds."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    timer = threading.Timer(_PATIENCE, say, [f"{work} ..."])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def data_warnings() -> Iterator[None]:
    """Print every `DataWarning` as one line `warning: ...`, on stderr, the same one once."""
    printed: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        usual = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, DataWarning):
                usual(message, category, *where, **more)
            elif str(message) not in printed:
                printed.add(str(message))
                say(f"warning: {message}")

        warnings.showwarning = show
        yield


def answer(text: str) -> None:
    """Give what was asked for, on stdout; of several processes the first does.

    Raises:
        BrokenPipeError: nobody reads it.
        XpcnnError: it cannot be written.
    """
    if opened_group().rank > 0:
        return
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "it is closed")
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        _discard_stdout()
        message = f"the answer cannot be written to standard output: {error.strerror or error}"
        raise XpcnnError(hint(message, "another file or pipe for it")) from error


def _discard_stdout() -> None:
    """Let what is still to be flushed go nowhere, as it would fail again when the process ends."""
    with suppress(OSError, ValueError, AttributeError):  # no stream, or none with a number
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def finite(value: Any) -> Any:
    """Return plain values with None for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
