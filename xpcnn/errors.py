"""The family of errors, and a warning.

A message says where (layer path and type, argument), the rule in words, what was expected and what
came (shapes, dtypes, names; never the contents of arrays), and ends with one `Try:` line. The text
is the same on every backend.
"""

import difflib
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class XpcnnError(Exception):
    """Whatever xpcnn refuses; `str(error)` is meant for people."""


class ShapeError(XpcnnError, ValueError):
    """An array has the wrong rank or sizes."""


class DTypeError(XpcnnError, TypeError):
    """An array has the wrong element type."""


class BackendError(XpcnnError, RuntimeError):
    """An array library or device is missing, unusable, or mixed with another."""


class DataError(XpcnnError, ValueError):
    """A data file or data set is not what it should be."""


class LabelError(DataError):
    """Labels are out of range, of the wrong kind, or of the wrong number."""


class CheckpointError(XpcnnError, ValueError):
    """A model file or checkpoint cannot be read or does not fit."""


class ConfigError(XpcnnError, ValueError):
    """A hyperparameter, option or name is not valid."""


class ArgumentError(ConfigError, TypeError):
    """A call has an unknown, missing or surplus argument."""


class AttributeMissingError(XpcnnError, AttributeError):
    """An object has no such method or attribute."""


class PackageMissingError(XpcnnError, ImportError):
    """A package that an extra of xpcnn brings is not installed."""


class HealthWarning(UserWarning):
    """A training goes wrong in a way that its losses show; `str(warning)` says what to try."""


class DataWarning(UserWarning):
    """Data is accepted, and is likely not what was meant."""


def warn_user(text: str, category: type[Warning]) -> None:
    """Warn, and name the line of the caller outside of xpcnn as the place."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "xpcnn":
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level + 1)


def hint(message: str, advice: str) -> str:
    """Return `message` with the line that says what to do."""
    return f"{message}\nTry: {advice}"


def with_context(error: XpcnnError, line: str) -> XpcnnError:
    """Return the same error with a further line before its advice."""
    message, found, advice = str(error).partition("\nTry: ")
    return type(error)(f"{message}\n{line}{found}{advice}")


@contextmanager
def prefix_errors(where: str) -> Iterator[None]:
    """Begin the text of an error with where it comes from, such as a file; nowhere if empty."""
    try:
        yield
    except XpcnnError as error:
        if not where:
            raise
        raise type(error)(f"{where}: {error}") from error


def missing(what: str, package: str, extra: str) -> PackageMissingError:
    """Return the error that `what` needs a package of an extra."""
    message = f"{what} needs {package}, which is not installed"
    return PackageMissingError(hint(message, f"pip install 'xpcnn[{extra}]'"))


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return advice for an unknown `name`: the closest valid one, and all of them."""
    names = sorted(valid)
    close = difflib.get_close_matches(str(name), names, n=1)
    listing = ", ".join(names)
    return f"{close[0]!r} (valid: {listing})" if close else f"one of {listing}"
