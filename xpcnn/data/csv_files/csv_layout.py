"""Which column of a CSV file holds what: the label, ids, pixels.

With a header, names decide (`csv_header`), without one the values (`csv_without_header`). Where two
readings are possible the error names both, and `label_column` decides.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xpcnn.data.csv_files.csv_columns import DELIMITERS, FORM, Columns, Layout, Size, shape_of
from xpcnn.data.csv_files.csv_header import by_names, is_header
from xpcnn.data.csv_files.csv_without_header import Edges, without_names
from xpcnn.errors import ConfigError, DataError, hint, nearest


def layout_of(
    path: Path,
    first: str,
    edges: Edges,
    image_size: Size | None = None,
    label_column: Columns = None,
    targets: bool = False,
) -> Layout:
    """Return what the columns of a file hold, judged by its first line that is not blank.

    label_column: name or number of the label's column, counted from 1, or from -1 at the end;
        several columns are targets, and so is a single one if `targets` is true.

    Raises:
        DataError: the columns are not those of images, or two readings are possible.
        ConfigError: there is no such label_column.
    """
    delimiter, cells = fields(path, first)
    header = is_header(path, cells)
    given = given_columns(path, cells if header else None, len(cells), label_column)
    if len(given) > 1 or (given and targets):
        return _with_targets(path, delimiter, cells, header, image_size, given)
    if not header:
        label = given[0] if given else None
        return without_names(path, delimiter, cells, edges, image_size, label)
    label = given[0] if given else None
    return by_names(path, delimiter, cells, image_size, label)


def _with_targets(
    path: Path,
    delimiter: str,
    cells: Sequence[str],
    header: bool,
    size: Size | None,
    targets: tuple[int, ...],
) -> Layout:
    """Return the layout of a file some of whose columns are targets; without a header, all other
    columns are pixels."""
    if header:
        found = by_names(path, delimiter, cells, size, targets[0], targets[1:])
        return replace(found, label=None, targets=targets)
    names = tuple(f"column {i + 1}" for i in range(len(cells)))
    pixels = tuple(i for i in range(len(cells)) if i not in targets)
    shape = shape_of(path, len(pixels), size)
    return Layout(delimiter, False, names, None, (), pixels, shape, "", targets)


def split_cells(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line, without their quotes.

    Raises:
        csv.Error: a field is longer than Python's csv module takes.
    """
    return next(csv.reader([line], delimiter=delimiter), [])


def fields(path: Path, line: str) -> tuple[str, list[str]]:
    """Return the delimiter of a line and its fields.

    Raises:
        DataError: there is no delimiter, or more than one.
    """
    try:
        found = {d: split_cells(line, d) for d in DELIMITERS if d in line}
    except csv.Error as error:
        raise DataError(hint(f"{path}: line 1 cannot be read: {error}", FORM)) from error
    found = {d: cells for d, cells in found.items() if len(cells) > 1}
    if len(found) > 1:  # text may hold a bar, such as the labels "cat|dog"
        found.pop("|", None)
    if len(found) > 1:
        counts = " or ".join(f"{len(cells)} columns by {d!r}" for d, cells in found.items())
        message = f"{path}: line 1 has more than one delimiter: {counts}"
        raise DataError(hint(message, "quotes around text that holds a delimiter"))
    if not found:
        message = f"{path}: line 1 has no comma, semicolon, tab or vertical bar, so only one column"
        raise DataError(hint(message, FORM))
    delimiter, cells = next(iter(found.items()))
    return delimiter, [cell.strip() for cell in cells]


def given_columns(
    path: Path, names: Sequence[str] | None, count: int, columns: Columns
) -> tuple[int, ...]:
    """Return the indices of the columns that `columns` names or numbers, none for None.

    names: of all `count` columns; None where they have none.

    Raises:
        ConfigError: there is no such column, or it is given twice.
    """
    if columns is None:
        return ()
    parts: Sequence[str | int] = [columns] if isinstance(columns, str | int) else columns
    if isinstance(columns, str) and columns not in (names or ()):
        parts = [part.strip() for part in columns.split(",")]
    found = tuple(_given(path, names, count, part) for part in parts)
    twice = [str(part) for part, i in zip(parts, found, strict=True) if found.count(i) > 1]
    if twice:
        message = f"{path}: the column {twice[0]} is given twice"
        raise ConfigError(hint(message, "each column once"))
    return found


def _given(path: Path, names: Sequence[str] | None, count: int, column: str | int) -> int:
    """Return the index of the column of a name or a number."""
    by_name = [i for i, name in enumerate(names or ()) if name == str(column)]
    number = int(column) if re.fullmatch(r"[+-]?\d{1,9}", str(column)) else None
    by_number = None
    if number is not None and 1 <= abs(number) <= count:
        by_number = number - 1 if number > 0 else count + number
    if len(by_name) > 1 or (by_name and by_number not in (None, by_name[0])):
        message = f"{path}: {column} is the name of column {by_name[0] + 1}"
        other = f"of column {by_name[1] + 1} too" if len(by_name) > 1 else "the number of another"
        raise ConfigError(hint(f"{message} and {other}", "rename the column of the labels"))
    if by_name:
        return by_name[0]
    if by_number is not None:
        return by_number
    if number is None and names is None:
        message = f"{path}: has no header, so no column is called {column!r}"
        raise ConfigError(hint(message, f"a number from 1 to {count}, or -1 for the last"))
    if number is None:
        short = [name for name in names or () if not re.search(r"\d$", name)] or ["label"]
        raise ConfigError(
            hint(f"{path}: there is no column {column!r}", nearest(str(column), short))
        )
    message = f"{path}: there is no column {column}: columns are numbered from 1 to {count}"
    raise ConfigError(hint(message, f"1 for the first column, {count} or -1 for the last"))
