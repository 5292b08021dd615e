"""The lines of a CSV file that are not blank, their length limited.

Rejects text that is not UTF-8.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from xpcnn.data.csv_files.csv_columns import DELIMITERS
from xpcnn.data.csv_files.csv_without_header import Edges
from xpcnn.data.files import open_regular
from xpcnn.errors import DataError, hint

Lines = list[tuple[int, str]]
"""Lines of a file that are not blank, with their numbers."""

_HEADER = 1 << 22  # characters of the first line at most
_CELL = 64  # characters of a field at most, on average over a line


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open a file of text in UTF-8.

    Raises:
        DataError: the file is not text in UTF-8, or cannot be read.
    """
    try:
        with open_regular(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig") as file:
            yield file
    except UnicodeDecodeError as error:
        message = f"{path}: is not text in UTF-8"
        raise DataError(
            hint(message, "unpack it, if it is an archive; or save it as CSV in UTF-8")
        ) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error


def lines(path: Path, file: TextIO) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers; reject one that is far too long."""
    most, number = _HEADER, 0
    while line := file.readline(most + 1):
        number += 1
        if line.isspace():
            continue
        if len(line) > most:
            message = f"{path}: line {number} is longer than {most} characters"
            raise DataError(hint(message, "a line for each image"))
        if most == _HEADER:  # the first one shows how many columns there are
            most = max(1 << 12, _CELL * (1 + max(map(line.count, DELIMITERS))))
        yield number, line


def first_line(path: Path) -> str:
    """Return the first line that is not blank."""
    with opened(path) as file:
        first = next(lines(path, file), None)
    if first is None:
        raise DataError(hint(f"{path}: is empty", "get or write the file again"))
    return first[1]


def edges_of(path: Path) -> Edges:
    """Return the function that reads the first and the last column, given the delimiter."""

    def edges(delimiter: str) -> tuple[list[str], list[str]]:
        first, last = [], []
        with opened(path) as file:
            for _, line in lines(path, file):
                start, _, rest = line.partition(delimiter)
                end = rest.rpartition(delimiter)[2]
                first.append(start.strip().strip('"'))
                last.append(end.strip().strip('"'))
        return first, last

    return edges
