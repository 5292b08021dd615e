"""Flags that commands share, each with its environment variable. Reads no file, imports nothing."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
Decorator: TypeAlias = Callable[[Any], Any]


def option(flag: str, text: str, **attributes: Any) -> Decorator:
    """Return click's option `--flag` with the variable XPCNN_FLAG; None where neither is given."""
    variable = f"XPCNN_{flag.lstrip('-').replace('-', '_').upper()}"
    return click.option(flag, envvar=variable, help=text, **attributes)


def flag(name: str, target: str, text: str) -> Decorator:
    """Return a flag without a value, False where neither it nor its variable is given."""
    variable = f"XPCNN_{name.lstrip('-').replace('-', '_').upper()}"
    return click.option(name, target, is_flag=True, envvar=variable, help=text)


def json_option(f: F) -> F:
    """Add --json."""
    return flag("--json", "as_json", "Print one JSON value on stdout.")(f)


def quiet_option(f: F) -> F:
    """Add --quiet."""
    return flag("--quiet", "quiet", "Say nothing but errors.")(f)


def backend_options(f: F) -> F:
    """Add --backend and --device."""
    return _all(
        f,
        option("--backend", "Array library: numpy (default), cupy, torch, array_api_strict."),
        option("--device", "Number or name of the library's device: 0, cpu, cuda, mps."),
    )


def data_options(f: F) -> F:
    """Add --dataset and --data-dir."""
    return _all(
        f,
        option(
            "--dataset",
            "Data set: digits, mnist, fashion-mnist, kmnist, cifar10, cifar100.",
            metavar="NAME",
        ),
        option(
            "--data-dir",
            "Folder of the data set's files; without it they are downloaded into the cache.",
            metavar="FOLDER",
        ),
    )


def device_name(device: str | None) -> str | int | None:
    """Return a device as backends take it: a number where it is one."""
    return int(device) if device is not None and device.isdecimal() else device


def _all(f: F, *options: Decorator) -> F:
    """Apply decorators so that --help lists them in the order given."""
    return functools.reduce(lambda g, decorate: decorate(g), reversed(options), f)
