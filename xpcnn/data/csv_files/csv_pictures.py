"""A CSV file that names picture files and says what they show: a class, labels, or numbers.

    file,red,blue
    photos/0001.jpg,1,0

Its first line has names of columns. A column called file, filename, path, image and the like holds
the names of pictures, from the folder of the file on; the label columns are chosen as those of a
CSV file of pixels, or there is only one other; one called split, subset or partition says of which
part a picture is, if it has nothing but train, val and test; all others are left out, which a note
says. Rejects names outside that folder, pictures that are not there or named twice, and cells
without a value.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from xpcnn.data.csv_files import csv_lines, csv_rows
from xpcnn.data.csv_files.csv_columns import DELIMITERS, LABEL_FLAG, NUMBER, Columns
from xpcnn.data.csv_files.csv_file import classes_of
from xpcnn.data.csv_files.csv_header import is_label
from xpcnn.data.csv_files.csv_layout import fields, given_columns, split_cells
from xpcnn.data.files import shown
from xpcnn.data.folder_tree import NAMES, PARTS, Name
from xpcnn.data.images import Part
from xpcnn.data.labels import MOST_CLASSES
from xpcnn.data.picture_files import has_picture_name
from xpcnn.data.picture_sets import left_out, read_alike, read_set, unreadable
from xpcnn.data.reading import Reading
from xpcnn.data.streams.folder_index import FolderIndex
from xpcnn.data.streams.stream_parts import Wanted, as_streams, may_stay
from xpcnn.errors import ConfigError, DataError, LabelError, counted, hint
from xpcnn.types import TaskName

_FILES = frozenset(
    ["file", "filename", "file_name", "path", "image", "image_path", "image_name", "img"]
)
_PARTS = frozenset(["split", "subset", "partition", "fold"])
_FEW = 3  # offenders named in a message
_PIXELS = 9  # columns that may be an image's


class Pictures(NamedTuple):
    """The pictures that a CSV file names, and what they show.

    parts: the pictures of each part, with labels (n,) or targets (n, k).
    classes: names of classes that are text, or of the targets; None for classes that are numbers.
    reading, notes: as in a `Dataset`.
    """

    parts: dict[Name, Part]
    classes: tuple[str, ...] | None
    reading: Reading
    notes: tuple[str, ...]


def names_pictures(path: Path) -> bool:
    """Whether a CSV file names pictures, judged by the names of its columns and its first line."""
    with csv_lines.opened(path) as file:
        lines = [line for _, (_, line) in zip(range(2), csv_lines.lines(path, file), strict=False)]
    if len(lines) < 2 or not any(mark in lines[0] for mark in DELIMITERS):
        return False
    delimiter, names = fields(path, lines[0])
    column = _column_of_files(names)
    if len(names) < _PIXELS and any(has_picture_name(name) for name in names):
        message = f"{path}: line 1 names a picture in place of the columns"
        raise DataError(hint(message, "a first line with names of the columns, such as file,label"))
    try:
        cells = split_cells(lines[1], delimiter)
    except csv.Error:  # what reads the file says so
        return False
    named = [
        name for name, cell in zip(names, cells, strict=False) if has_picture_name(cell.strip())
    ]
    if column is None and named and len(names) < _PIXELS:
        message = f"{path}: column {named[0]} has names of pictures, but is not called file"
        raise DataError(hint(message, f"file in place of {named[0]} in line 1"))
    return column is not None and column < len(cells) and has_picture_name(cells[column].strip())


def read(path: Path, label_column: Columns, task: TaskName | None, wanted: Wanted) -> Pictures:
    """Return the pictures that a file names, in its order within each part.

    label_column, task: as in `csv_file.read`.

    Raises:
        DataError: a line or a picture is not valid; names it.
        LabelError: a label or a target is missing, or of another kind.
        ConfigError: there is no such label_column.
    """
    delimiter, names = fields(path, csv_lines.first_line(path))
    given = given_columns(path, names, len(names), label_column)
    files = _column_of_files(names)
    assert files is not None
    if files in given:
        message = f"{path}: {names[files]} holds the names of pictures, and is given as a label"
        raise ConfigError(hint(message, LABEL_FLAG))
    rows, numbers = _rows(path, delimiter, len(names))
    by, members = _parts(names, rows, (files, *given))
    columns = given or (_label(path, names, (files, by)),)
    several = len(columns) > 1 or task not in (None, "classification")
    paths = _paths(path, [row[files].strip() for row in rows], numbers)
    classes: tuple[str, ...] | None
    if several:
        cells = [[row[i] for i in columns] for row in rows]
        labels = np.array(
            [
                [
                    csv_rows.target_of(
                        f"{path}: line {number}, column {names[i]}", cell, task != "regression"
                    )
                    for i, cell in zip(columns, line, strict=True)
                ]
                for number, line in zip(numbers, cells, strict=True)
            ]
        )
        classes = tuple(names[i] for i in columns)
    else:
        labels, classes = _classes(path, [row[columns[0]].strip() for row in rows], numbers)
    left = [name for i, name in enumerate(names) if i not in (files, by, *columns)]
    notes: tuple[str, ...] = ()
    if not given and not is_label(names[columns[0]]):
        notes = (f"{path}: the labels are the column {names[columns[0]]!r}",)
    if by is not None:
        notes += (f"{path}: the column {names[by]!r} says of which part a picture is",)
    if left:
        notes += (f"{path}: columns left out: {', '.join(map(repr, left[:5]))}",)
    for name in left:
        if name.casefold() in _PARTS:
            note = f"{path}: {name!r} does not decide which picture is in which part"
            notes += (f"{note}; a column split with nothing but train, val and test does",)
    return _with_images(path, paths, labels, classes, notes, members, wanted)


def _with_images(
    path: Path,
    paths: Sequence[Path],
    labels: np.ndarray,
    classes: tuple[str, ...] | None,
    notes: tuple[str, ...],
    members: dict[Name, np.ndarray],
    wanted: Wanted,
) -> Pictures:
    """Return pictures with their labels: in memory, or as a stream."""
    if may_stay(len(paths), wanted):
        own = [each.relative_to(path.parent).as_posix() for each in paths]
        index = FolderIndex(path.parent, own, labels)
        streamed = as_streams(index, members, wanted)
        if streamed is not None:
            return Pictures(streamed.parts, classes, streamed.reading, (*notes, *streamed.notes))
    if wanted.reading is not None:
        found = read_alike(paths, wanted.reading)
    else:
        found = read_set(paths, wanted.size, wanted.fit or "pad")
    if found.damaged and not wanted.skip_damaged:
        advice = "fix or remove them, or --skip-damaged (skip_damaged=True) to leave them out"
        raise unreadable(paths, found.damaged, advice)
    if found.damaged:
        notes += (left_out(found.damaged, len(paths)),)
    kept = np.array(found.kept)
    parts: dict[Name, Part] = {"train": (found.images, labels[kept])}
    if len(members) > 1:
        taken = {part: np.isin(kept, rows) for part, rows in members.items()}
        parts = {part: (found.images[mask], labels[kept[mask]]) for part, mask in taken.items()}
    return Pictures(parts, classes, found.reading, (*notes, *found.notes))


def _parts(
    names: Sequence[str], rows: Sequence[Sequence[str]], taken: Sequence[int]
) -> tuple[int | None, dict[Name, np.ndarray]]:
    """Return the column that says of which part each picture is, and the rows of each part.

    taken: columns that say something else. Without such a column all rows are for training.
    """
    for i, name in enumerate(names):
        if i in taken or name.casefold() not in _PARTS:
            continue
        found = [PARTS.get(row[i].strip().casefold()) for row in rows]
        if None not in found and "train" in found:
            each = np.array(found)
            return i, {part: np.flatnonzero(each == part) for part in NAMES if part in found}
    return None, {"train": np.arange(len(rows))}


def _column_of_files(names: Sequence[str]) -> int | None:
    """Return the first column that is called like one of names of files."""
    return next((i for i, name in enumerate(names) if name.casefold() in _FILES), None)


def _label(path: Path, names: Sequence[str], taken: Sequence[int | None]) -> int:
    """Return the column of the label where none is given.

    It is the only one with a name of labels, or the only one beside those taken, the names of files
    and of parts. y beside x may be a position.
    """
    others = [i for i in range(len(names)) if i not in taken]
    found = [i for i in others if is_label(names[i])] or others
    if [names[i].casefold() for i in found] == ["y"] and "x" in map(str.casefold, names):
        found = others
    if len(found) != 1:
        listing = " or ".join(repr(names[i]) for i in found[:_FEW]) or "none: there is no other"
        message = f"{path}: the column of the labels may be {listing}"
        raise LabelError(hint(message, "--label-column NAME, or NAME,NAME,... for several labels"))
    return found[0]


def _rows(path: Path, delimiter: str, width: int) -> tuple[list[list[str]], list[int]]:
    """Return the cells of all lines after the first, and the numbers of these lines."""
    rows, numbers = [], []
    with csv_lines.opened(path) as file:
        lines = csv_lines.lines(path, file)
        next(lines)
        for number, line in lines:
            try:
                cells = split_cells(line.rstrip("\n"), delimiter)
            except csv.Error as error:
                message = f"{path}: line {number} cannot be read: {error}"
                raise DataError(hint(message, "a line for each picture")) from error
            if len(cells) != width:
                message = (
                    f"{path}: line {number} has {counted(len(cells), 'value')}, the header "
                    f"{counted(width, 'name')}"
                )
                raise DataError(hint(message, "a line for each picture"))
            rows.append(cells)
            numbers.append(number)
    return rows, numbers


def _paths(path: Path, names: Sequence[str], numbers: Sequence[int]) -> list[Path]:
    """Return where the pictures are, each within the folder of the file and named once."""
    advice = "names of pictures from the folder of the CSV file on"
    folder = path.parent.absolute()
    lines: dict[Path, int] = {}
    for name, number in zip(names, numbers, strict=True):
        inside = Path(name).is_relative_to(folder)  # an absolute path
        own = Path(name).relative_to(folder) if inside else Path(name)
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if not name or ".." in parts or own.is_absolute():
            message = f"{path}: line {number}: {shown(Path(name))} is not a name within the folder"
            raise DataError(hint(message, advice))
        if lines.setdefault(path.parent / own, number) != number:
            message = f"{path}: line {number} names {name!r} again"
            raise LabelError(hint(message, "one line for each picture"))
    absent = [i for i, each in enumerate(lines) if not os.path.isfile(each)]
    if absent:
        few = ", ".join(f"{names[i]} (line {numbers[i]})" for i in absent[:_FEW])
        message = f"{path}: {len(absent)} of {len(names)} pictures are not there, the first: {few}"
        if "\\" in names[absent[0]]:
            advice += ", with / in place of \\"
        raise DataError(hint(message, advice))
    return list(lines)


def _classes(
    path: Path, texts: Sequence[str], numbers: Sequence[int]
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Return labels as int64 (n,), and the names of those that are text."""
    if "" in texts:
        message = f"{path}: line {numbers[texts.index('')]}: the label is missing"
        raise LabelError(hint(message, "a label for each picture"))
    if not all(NUMBER.fullmatch(text) for text in texts):
        return classes_of(path, texts)
    values = np.array([float(text) for text in texts])
    odd = np.flatnonzero((values % 1 != 0) | (values < 0) | (values >= MOST_CLASSES))
    if odd.size:
        where = f"{path}: line {numbers[odd[0]]}: {texts[odd[0]][:20]!r}"
        message = f"{where} is not a whole number from 0 to {MOST_CLASSES - 1}"
        advice = "classes from 0, or text for every label; --task regression for numbers"
        raise LabelError(hint(message, advice))
    return values.astype(np.int64), None
