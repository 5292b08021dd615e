"""Finding data files and reading them without trust.

A compressed file is never unpacked to disk and never read further than its own header allows. Every
error is a DataError that names the file.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from xpcnn.errors import DataError, hint

LIMIT = 1 << 30  # bytes of one file, packed or not; the largest known set of this kind has 547 MB
AGAIN = "get the file again: a download that broke off, or a page of words in its place, is common"


def find(folders: Iterable[Path], names: Iterable[str]) -> Path:
    """Return the first of `names` in the first of `folders` that has one.

    Raises:
        DataError: there is none; lists the names and folders looked at.
    """
    folders, names = list(folders), list(names)
    for folder in folders:
        for name in names:
            if (folder / name).is_file():
                return folder / name
    places = " and ".join(map(str, folders))
    message = f"no {' or '.join(names)} in {places}"
    raise DataError(hint(message, "give the folder that holds the file with --data-dir"))


@contextmanager
def unpacked(path: Path) -> Iterator[BufferedIOBase]:
    """Open a file for reading, through gzip if it begins like one, and name it in what goes wrong.

    Raises:
        DataError: the file cannot be opened, is truncated or damaged, seen at any read.
    """
    try:
        with path.open("rb") as raw:
            if raw.peek(2)[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as stream:
                    yield stream
            else:
                yield raw
    except EOFError as error:
        raise DataError(hint(f"{path}: the compressed data breaks off", AGAIN)) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(hint(f"{path}: the compressed data is damaged: {error}", AGAIN)) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error


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
