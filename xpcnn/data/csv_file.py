"""Images as rows of a CSV file: a label, pixels, perhaps ids, in any of the usual layouts.

A row is one image, its pixels whole numbers from 0 to 255 (217 or 217.0), row by row; of three
channels, one after the other, or pixel by pixel where the images look like that. Labels are whole
numbers from 0 or text. Commas, semicolons or tabs; with or without a header and quotes;
`csv_layout` tells which column is what. Refuses other numbers, rows of another length, text that is
not UTF-8.
"""

import csv
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from xpcnn.data.csv_columns import NUMBER, Layout, Size
from xpcnn.data.csv_layout import fields, layout_of, split_cells
from xpcnn.data.csv_without_header import Edges
from xpcnn.data.files import open_regular
from xpcnn.data.labels import MOST_CLASSES
from xpcnn.errors import DataError, LabelError, XpcnnError, hint

_VALUES = 1 << 22  # read at a time
_HEADER = 1 << 22  # characters of the first line at most
_SAMPLE = 1000  # images that tell the order of colours
_CELL = 64  # characters of a field at most, on average over a line
_PIXELS = "pixels as whole numbers from 0 to 255; a .npz file takes others"
_ROW = "a line for each image, a {} between values"
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}

Lines = list[tuple[int, str]]
"""Lines of a file that are not blank, with their numbers."""


class Table(NamedTuple):
    """images: uint8 (n, c, h, w). labels: int64 (n,), None where the file has none. classes: the
    names of labels that are text. ids: the text of the first column of ids. layout: what the
    columns hold.
    """

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...] | None
    ids: tuple[str, ...] | None
    layout: Layout


def read(
    path: Path, image_size: Size | None = None, label_column: str | int | None = None
) -> Table:
    """Return the images of a file with their labels and ids.

    Without image_size the images are square: of one channel, or else of three.

    Raises:
        DataError: the file is not what it should be; says in which line, where it is one.
        LabelError: a label is missing, or no whole number from 0 on where others are.
        ConfigError: there is no such label_column.
    """
    found = columns(path, image_size, label_column)
    images, labels = list[np.ndarray](), list[np.ndarray]()
    names, ids = list[str](), list[str]()  # of labels that are text, of images
    texts = False
    with _opened(path) as file:
        lines = _lines(path, file)
        if found.header:
            next(lines, None)
        kind: type[np.generic] = np.int32
        label = found.label
        while chunk := list(islice(lines, max(1, _VALUES // len(found.names)))):
            if not images and label is not None:
                texts = not NUMBER.fullmatch(_texts(path, chunk[:1], found, label)[0])
            values, kind = _numbers(path, chunk, found, None if texts else label, kind)
            if label is not None and texts:
                names += _texts(path, chunk, found, label)
            elif label is not None:
                labels.append(values[:, 0].astype(np.int64))
                values = values[:, 1:]
            images.append(values.astype(np.uint8))
            if found.ids:
                ids += _texts(path, chunk, found, found.ids[0])
    if not images:
        message = f"{path}: holds no images, only a header"
        raise DataError(hint(message, "get or write the file again"))
    x = np.concatenate(images).reshape(-1, *found.shape)
    if pixel_by_pixel(x):
        n, c, h, w = x.shape
        x = np.ascontiguousarray(x.reshape(n, h, w, c).transpose(0, 3, 1, 2))
        note = f"{path}: the colours of a pixel stand side by side, by the look of the images"
        found = replace(found, note=f"{found.note}; {note}" if found.note else note)
    y, classes = None, None
    if names:
        y, classes = _classes(path, names)
    elif labels:
        y = np.concatenate(labels)
    return Table(x, y, classes, tuple(ids) if found.ids else None, found)


def columns(
    path: Path, image_size: Size | None = None, label_column: str | int | None = None
) -> Layout:
    """Return what the columns of a file hold."""
    return layout_of(path, _first_line(path), _edges(path), image_size, label_column)


def first_fields(path: Path) -> list[str]:
    """Return the fields of the first line: the names of the columns, if it has names."""
    return fields(path, _first_line(path))[1]


def _first_line(path: Path) -> str:
    with _opened(path) as file:
        first = next(_lines(path, file), None)
    if first is None:
        raise DataError(hint(f"{path}: is empty", "get or write the file again"))
    return first[1]


def _edges(path: Path) -> Edges:
    def edges(delimiter: str) -> tuple[list[str], list[str]]:
        first, last = [], []
        with _opened(path) as file:
            for _, line in _lines(path, file):
                start, _, rest = line.partition(delimiter)
                end = rest.rpartition(delimiter)[2]
                first.append(start.strip().strip('"'))
                last.append(end.strip().strip('"'))
        return first, last

    return edges


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with open_regular(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig") as file:
            yield file
    except UnicodeDecodeError as error:
        message = f"{path}: is no text in UTF-8"
        raise DataError(
            hint(message, "unpack it, if it is an archive; or save it as CSV in UTF-8")
        ) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error


def _lines(path: Path, file: TextIO) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, each with its number; a line has an end in sight."""
    most, number = _HEADER, 0
    while line := file.readline(most + 1):
        number += 1
        if line.isspace():
            continue
        if len(line) > most:
            message = f"{path}: line {number} is longer than {most} characters"
            raise DataError(hint(message, "a line for each image"))
        if most == _HEADER:  # the first one tells how many columns there are
            most = max(1 << 12, _CELL * (1 + max(map(line.count, _DELIMITERS))))
        yield number, line


def _numbers(
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


def _texts(path: Path, lines: Lines, found: Layout, column: int) -> list[str]:
    """Return the text of one column."""
    rows = [_cells(line, found) for _, line in lines]
    if any(len(cells) != len(found.names) for cells in rows):
        raise _fault(path, lines, found, None)
    return [cells[column].strip() for cells in rows]


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


def pixel_by_pixel(images: np.ndarray) -> bool:
    """Whether rows that were read as (n, 3, h, w) look like (n, h, w, 3): colours side by side.

    Neighbours are alike. They are 1 and w values apart in the one order, 3 and 3 w in the other,
    where 1 and w are another colour and a pixel far away.
    """
    n, c, h, w = images.shape
    if c != 3 or min(h, w) < 4:
        return False
    rows = images[:: max(1, n // _SAMPLE)].reshape(-1, c * h * w).astype(np.int16)

    def apart(step: int) -> float:
        return float(np.abs(rows[:, step:] - rows[:, :-step]).mean())

    return apart(3) + apart(3 * w) < 0.9 * (apart(1) + apart(w))


def _classes(path: Path, texts: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the labels of text, int64 (n,), and their names in order."""
    names = tuple(sorted(set(texts)))
    if len(names) > MOST_CLASSES:
        message = f"{path}: {len(texts)} images have {len(names)} different labels"
        raise LabelError(hint(message, "--label-column with the column of the classes"))
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    if "" in names:
        message = f"{path}: the label of image {texts.index('') + 1} is missing"
        raise LabelError(hint(message, "a label for each image"))
    if numbers:
        number, text = numbers[0], next(name for name in texts if not NUMBER.fullmatch(name))
        message = (
            f"{path}: the label of image {texts.index(number) + 1} is a number, {number[:20]!r}, "
            f"where others are text, such as {text[:20]!r}"
        )
        raise LabelError(hint(message, "labels that are all numbers or all text"))
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[text] for text in texts], np.int64), names


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
            message = f"{path}: line {number} has {len(cells)} values, {expected}"
            return DataError(hint(message, _ROW.format(_DELIMITERS[found.delimiter])))
        for i in [*([] if label is None else [label]), *found.pixels]:
            largest = MOST_CLASSES - 1 if i == label else 255
            cell = cells[i]
            if NUMBER.fullmatch(cell) and float(cell) % 1 == 0 and 0 <= float(cell) <= largest:
                continue
            text = repr(cell if len(cell) <= 20 else f"{cell[:20]}...")
            message = f"{path}: line {number}, {_called(found, i)}: {text} is not a whole number"
            if i == label:
                advice = "classes numbered from 0, or text for every label"
                return LabelError(hint(f"{message} from 0 to {largest}", advice))
            return DataError(hint(f"{message} from 0 to 255", _PIXELS))
    message = f"{path}: lines {lines[0][0]} to {lines[-1][0]} cannot be read as numbers"
    return DataError(hint(message, _PIXELS))


def _called(found: Layout, column: int) -> str:
    """Return what errors call a column."""
    return f"column {found.names[column][:40]}" if found.header else found.names[column]
