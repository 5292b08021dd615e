"""Finding data files and reading them without trust.

Only regular files are opened: a pipe may block for ever and a device may never end. A compressed
file is never unpacked to disk and never read further than its own header allows. Every error names
the file.
"""

import errno
import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import TypeAlias

import numpy as np

from xpcnn.errors import ConfigError, DataError, XpcnnError, hint

PathLike: TypeAlias = str | os.PathLike[str]

LIMIT = 1 << 30  # bytes of one file, packed or not; the largest known set of this kind has 547 MB
AGAIN = "get the file again: it may be an incomplete download, or a web page in its place"

_CHECK = "check the path and who may read it"
_LONG = 1000  # characters of a path; a file system's limit is about 4,000


def find(folders: Iterable[Path], names: Iterable[str]) -> Path:
    """Return the first of `names` in the first of `folders` that has one.

    Raises:
        DataError: there is none; lists the names and folders looked at. Or a folder may not be
            searched.
    """
    folders, names = list(folders), list(names)
    for folder in folders:
        for name in names:
            if is_there(folder / name) and os.path.isfile(folder / name):
                return folder / name
    places = " and ".join(map(str, folders))
    message = f"no {' or '.join(names)} in {places}"
    raise DataError(hint(message, "give the folder that holds the file with --data-dir"))


def as_path(given: object, name: str = "path") -> Path:
    """Return a path that is given as a text or as an object such as pathlib's.

    name: what the error calls the argument.

    Raises:
        ConfigError: it is anything else, such as bytes or an open file.
    """
    text = os.fspath(given) if isinstance(given, str | os.PathLike) else given
    if isinstance(text, str):
        return Path(text)
    advice = "a text or a pathlib.Path"
    if isinstance(text, bytes):
        advice = "os.fsdecode(path)"
    elif isinstance(own := getattr(given, "name", None), str):  # an open file
        advice = f"the path in place of the open file: {shown(own)!r}"
    message = f"{name} is of type {type(given).__name__}, expected a path"
    raise ConfigError(hint(message, advice))


def user_path(given: PathLike) -> Path:
    """Return a path, its ~ expanded where there is such a user."""
    as_path(given)
    if not os.fspath(given):
        raise ConfigError(hint("a path is empty", "a file, a folder, or . for the current folder"))
    return Path(os.path.expanduser(given))


def current_folder() -> str:
    """Return the current folder; nothing where it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def from_folder(path: Path, folder: str) -> Path:
    """Return a path that was given when `folder` was the current one: itself while it still is."""
    return path if current_folder() == folder else Path(folder, path)


def is_there(path: PathLike, error: type[XpcnnError] = DataError) -> bool:
    """Whether there is a file or folder; False for paths that no file system can have.

    Raises:
        DataError, or the kind of `error` given: a folder on the way may not be searched, or
            symbolic links go in a circle, so that nobody can say.
    """
    try:
        os.stat(path)
    except (OSError, ValueError) as cause:
        if isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.ELOOP):
            message = f"{shown(path)}: cannot be read: {cause.strerror}"
            raise error(hint(message, _CHECK)) from cause
        return False
    return True


def is_address(path: PathLike) -> bool:
    """Whether a path is one on the web, https://..., of which Path keeps one slash."""
    return re.match("[a-z]+:/", str(path)) is not None


def open_regular(path: PathLike, error: type[XpcnnError] = DataError) -> BufferedReader:
    """Open a regular file to read its bytes, without ever waiting for it.

    Raises:
        DataError, or the kind of `error` given: there is no such file, it may not be read, it is a
            folder, pipe, socket or device, or no file system can have such a path.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - the caller closes it
    except FileNotFoundError as cause:
        advice = "download it first" if is_address(path) else "check the path"
        raise error(hint(f"{shown(path)}: there is no such file", advice)) from cause
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise error(hint(f"{shown(path)}: cannot be read: {reason}", _CHECK)) from cause
    except ValueError as cause:  # a NUL, or half of a surrogate pair
        raise error(hint(f"{shown(path)}: is not a possible path: {cause}", _CHECK)) from cause
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        message = f"{shown(path)}: is a pipe or a device, expected a regular file"
        raise error(hint(message, "copy what it gives into a file, and read that"))
    return file


def _without_waiting(path: str, flags: int) -> int:
    """Open a file as `open` does, except that a pipe without a writer does not block."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def shown(path: PathLike) -> str:
    """Return a path as messages show it: printable, and shortened where it is very long."""
    text = os.fspath(path)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= _LONG else f"{text[:80]}...{text[-40:]}"


@contextmanager
def unpacked(path: Path) -> Iterator[BufferedIOBase]:
    """Open a file for reading, through gzip if it begins like one, and name it in what goes wrong.

    Raises:
        DataError: the file cannot be opened, is truncated or damaged, seen at any read.
    """
    try:
        with open_regular(path) as raw:
            if raw.peek(2)[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as stream:
                    yield stream
            else:
                yield raw
    except EOFError as error:
        raise DataError(hint(f"{path}: the compressed data ends too early", AGAIN)) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(hint(f"{path}: the compressed data is damaged: {error}", AGAIN)) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, _CHECK)) from error


def fill(source: BufferedIOBase, array: np.ndarray) -> int:
    """Read bytes into a contiguous uint8 array until it is full or they end; return how many."""
    view = array.data.cast("B")
    have = 0
    while have < len(view):
        got = source.readinto(view[have : have + (1 << 24)])
        if not got:
            break
        have += got
    return have
