"""The errors and warnings of xpcnn.

A message says where the error is (layer path and type, argument), the rule in words, what was
expected and what was given (shapes, dtypes, names; never the contents of arrays), and ends with one
`Try:` line. The text is the same on every backend.
"""

import difflib
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class XpcnnError(Exception):
    """Base class of all errors that xpcnn raises; `str(error)` is a message for people."""


class ShapeError(XpcnnError, ValueError):
    """An array has the wrong rank or sizes."""


class DTypeError(XpcnnError, TypeError):
    """An array has the wrong element type."""


class BackendError(XpcnnError, RuntimeError):
    """An array library or device is missing, unusable, or mixed with another."""


class DataError(XpcnnError, ValueError):
    """A data file or data set is not valid."""


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


class NameMissingError(XpcnnError, ImportError):
    """A module of xpcnn has no such name; another one stands for it."""


class GradientError(XpcnnError, AssertionError):
    """A gradient is wrong, or a layer or an op breaks its contract: see `xpcnn.testing`."""


class PackageMissingError(XpcnnError, ImportError):
    """A package of an optional extra of xpcnn is not installed."""


class HealthWarning(UserWarning):
    """Training has a problem that its losses show; `str(warning)` says what to try."""


class DataWarning(UserWarning):
    """Data is accepted but probably not what was intended."""


def warn_user(text: str, category: type[Warning]) -> None:
    """Warn, with the line of the caller outside of xpcnn as the origin."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "xpcnn":
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level + 1)


def hint(message: str, advice: str) -> str:
    """Return `message` with a last line `Try: ...` that says what to do."""
    return f"{message}\nTry: {advice}"


def reason_of(error: Exception) -> str:
    """Return the text of an error without its line of advice."""
    return str(error).partition("\nTry: ")[0]


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 class", "1,000 classes"."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"


def kind(x: object) -> str:
    """Return the name of a value's type, with its library: "list", "numpy.ndarray"."""
    library, name = type(x).__module__.partition(".")[0], type(x).__name__
    return name if library == "builtins" else f"{library}.{name}"


_FIGURES = {
    **{name: name.upper() for name in ("f1", "auc", "mae", "rmse", "r2")},
    "top_3": "top-3",
    "top_5": "top-5",
    "support": "samples",
}


def figure_name(name: str) -> str:
    """Return what people read for the name of a figure: "val_f1" is "val F1"."""
    part, last = ("val ", name[4:]) if name.startswith("val_") else ("", name)
    return part + _FIGURES.get(last, last.replace("_", " "))


def with_context(error: XpcnnError, line: str) -> XpcnnError:
    """Return the error with a further line before its `Try:` line."""
    message, found, advice = str(error).partition("\nTry: ")
    return type(error)(f"{message}\n{line}{found}{advice}")


@contextmanager
def prefix_errors(where: str) -> Iterator[None]:
    """Prefix the text of errors in the block with their source, such as a file; "" for none."""
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
    """Return advice for an unknown `name`: the closest valid one, and all of them.

    One that differs in case alone is the closest, ReLU for relu.
    """
    names = sorted(valid)
    same = [known for known in names if known.lower() == str(name).lower()]
    close = same or difflib.get_close_matches(str(name), names, n=1)
    listing = ", ".join(names)
    return f"{close[0]!r} (valid: {listing})" if close else f"one of {listing}"
