"""The fields of the lines of a CSV file: whole numbers, or text; and what is wrong with a line."""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xpcnn.data.csv_files.csv_columns import DELIMITERS, NUMBER, Layout
from xpcnn.data.csv_files.csv_layout import split_cells
from xpcnn.data.csv_files.csv_lines import Lines
from xpcnn.data.labels import MOST_CLASSES
from xpcnn.errors import DataError, LabelError, XpcnnError, counted, hint

_PIXELS = "pixels as whole numbers from 0 to 255; a .npz file takes others"
_ROW = "a line for each image, a {} between values"


def numbers(
    path: Path, lines: Lines, found: Layout, label: int | None, kind: type[np.generic]
) -> tuple[np.ndarray, type[np.generic]]:
    """Return the column `label`, if it is one, and the pixels of each line, int32 (rows, values),
    with the type of number that they are written as.
    """
    wanted = [*([] if label is None else [label]), *found.pixels]
    every = wanted == list(range(len(found.names)))
    end = len(found.names) - 1
    if not every and any(
        line.count(found.delimiter) != end and len(_cells(line, found)) != end + 1
        for _, line in lines
    ):
        raise _fault(path, lines, found, label)
    largest = np.full(len(wanted), 255)
    if label is not None:
        largest[0] = MOST_CLASSES - 1
    for dtype in (np.int32, np.float64) if kind is np.int32 else (np.float64,):
        try:
            values = _loadtxt(lines, found, dtype, None if every else wanted)
        except (ValueError, DeprecationWarning):
            continue  # whole numbers may be written as floats
        if values.shape != (len(lines), len(wanted)) or not (values >= 0).all():
            break
        if (values > largest).any() or (dtype is np.float64 and (values % 1 != 0).any()):
            break
        return values.astype(np.int32, copy=False), dtype
    raise _fault(path, lines, found, label)


def texts(path: Path, lines: Lines, found: Layout, column: int) -> list[str]:
    """Return the text of one column."""
    rows = [_cells(line, found) for _, line in lines]
    if any(len(cells) != len(found.names) for cells in rows):
        raise _fault(path, lines, found, None)
    return [cells[column].strip() for cells in rows]


def targets(path: Path, lines: Lines, found: Layout, binary: bool) -> np.ndarray:
    """Return the columns `found.targets` of each line, float64 (rows, targets).

    binary: whether only 0 and 1 are allowed.

    Raises:
        LabelError: a cell is missing or something else; says in which line and column.
    """
    values = np.empty((len(lines), len(found.targets)))
    for row, (number, line) in enumerate(lines):
        cells = _cells(line, found)
        if len(cells) != len(found.names):
            raise _fault(path, lines, found, None)
        for k, column in enumerate(found.targets):
            where = f"{path}: line {number}, {_called(found, column)}"
            values[row, k] = target_of(where, cells[column], binary)
    return values


def target_of(where: str, cell: str, binary: bool) -> float:
    """Return a target that a cell holds.

    Raises:
        LabelError: the cell is empty, no number, or not 0 or 1 where `binary`.
    """
    text = cell.strip()
    if not text:
        advice = "a value for each image, or the file without this line"
        raise LabelError(hint(f"{where}: the value is missing", advice))
    if NUMBER.fullmatch(text) and (not binary or float(text) in (0.0, 1.0)):
        return float(text)
    expected = "0 or 1" if binary else "a number"
    advice = "1 where an image has the label and 0 elsewhere, or --task regression for numbers"
    if not binary:
        advice = "numbers such as 3.7, or --task classification for one column of classes"
    raise LabelError(hint(f"{where}: {text[:20]!r} is not {expected}", advice))


def _cells(line: str, found: Layout) -> list[str]:
    """Return the fields of a line, none where they cannot be read."""
    if '"' not in line:
        return line.rstrip("\n").split(found.delimiter)
    try:
        return split_cells(line, found.delimiter)
    except csv.Error:
        return []


def _loadtxt(
    lines: Lines, found: Layout, dtype: type[np.generic], wanted: Sequence[int] | None
) -> np.ndarray:
    rows = [line for _, line in lines]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy before 2.3 cuts fractions off with a warning
        return np.loadtxt(
            rows,
            dtype,
            delimiter=found.delimiter,
            comments=None,
            ndmin=2,
            quotechar='"',
            usecols=wanted,
        )


def _fault(path: Path, lines: Lines, found: Layout, label: int | None) -> XpcnnError:
    """Return what is wrong with the first bad line."""
    for number, line in lines:
        try:
            cells = split_cells(line, found.delimiter)
        except csv.Error as error:
            return DataError(hint(f"{path}: line {number} cannot be read: {error}", _PIXELS))
        if len(cells) != len(found.names):
            expected = f"the header {len(found.names)} names" if found.header else "line 1 "
            expected += "" if found.header else f"{len(found.names)}"
            message = f"{path}: line {number} has {counted(len(cells), 'value')}, {expected}"
            return DataError(hint(message, _ROW.format(DELIMITERS[found.delimiter])))
        for i in [*([] if label is None else [label]), *found.pixels]:
            largest = MOST_CLASSES - 1 if i == label else 255
            cell = cells[i]
            if NUMBER.fullmatch(cell) and float(cell) % 1 == 0 and 0 <= float(cell) <= largest:
                continue
            text = repr(cell if len(cell) <= 20 else f"{cell[:20]}...")
            message = f"{path}: line {number}, {_called(found, i)}: {text} is not a whole number"
            if i == label:
                advice = "classes from 0, or text for every label; --task regression for numbers"
                return LabelError(hint(f"{message} from 0 to {largest}", advice))
            return DataError(hint(f"{message} from 0 to 255", _PIXELS))
    message = f"{path}: lines {lines[0][0]} to {lines[-1][0]} cannot be read as numbers"
    return DataError(hint(message, _PIXELS))


def _called(found: Layout, column: int) -> str:
    """Return what errors call a column."""
    return f"column {found.names[column][:40]}" if found.header else found.names[column]
