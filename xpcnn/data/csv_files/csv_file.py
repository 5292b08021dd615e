"""Images as rows of a CSV file: a label, pixels, perhaps ids, in any of the usual layouts.

A row is one image, its pixels whole numbers from 0 to 255 (217 or 217.0), row by row; of three
channels, one after the other, or pixel by pixel where the images look like that. Labels are whole
numbers from 0 or text. Commas, semicolons, tabs or vertical bars; with or without a header and
quotes; `csv_layout` finds which column is what. Rejects other numbers, rows of another length, text
that is not UTF-8.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xpcnn.data.csv_files import csv_lines, csv_rows
from xpcnn.data.csv_files.csv_columns import NUMBER, Columns, Layout, Size
from xpcnn.data.csv_files.csv_layout import fields, layout_of
from xpcnn.data.labels import MOST_CLASSES
from xpcnn.errors import DataError, LabelError, hint
from xpcnn.types import TaskName

_VALUES = 1 << 22  # read at a time
_SAMPLE = 1000  # images that show the order of colours
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


class Table(NamedTuple):
    """What a CSV file of pixels holds.

    images: uint8 (n, c, h, w).
    labels: int64 (n,), or targets, float64 (n, k); None where the file has none.
    classes: the names of labels that are text, or of the targets; None for other labels.
    ids: the text of the first column of ids; None without one.
    layout: which column holds what.
    """

    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...] | None
    ids: tuple[str, ...] | None
    layout: Layout


def read(
    path: Path,
    image_size: Size | None = None,
    label_column: Columns = None,
    task: TaskName | None = None,
) -> Table:
    """Return the images of a file with their labels and ids.

    Without image_size, images are square, with one channel or, where that is impossible, three.
    Several columns of labels are targets: 0 and 1, or numbers if task is "regression".

    Raises:
        DataError: the file is not valid; names the line, if one line is at fault.
        LabelError: a label is missing, or is not a whole number from 0 on where others are.
        ConfigError: there is no such label_column.
    """
    found = columns(path, image_size, label_column, task)
    images, labels = list[np.ndarray](), list[np.ndarray]()
    names, ids = list[str](), list[str]()  # of labels that are text, of images
    texts = False
    with csv_lines.opened(path) as file:
        lines = csv_lines.lines(path, file)
        if found.header:
            next(lines, None)
        kind: type[np.generic] = np.int32
        label = found.label
        while chunk := list(islice(lines, max(1, _VALUES // len(found.names)))):
            if not images and label is not None:
                texts = not NUMBER.fullmatch(csv_rows.texts(path, chunk[:1], found, label)[0])
            values, kind = csv_rows.numbers(path, chunk, found, None if texts else label, kind)
            if label is not None and texts:
                names += csv_rows.texts(path, chunk, found, label)
            elif label is not None:
                labels.append(values[:, 0].astype(np.int64))
                values = values[:, 1:]
            elif found.targets:
                labels.append(csv_rows.targets(path, chunk, found, task != "regression"))
            images.append(values.astype(np.uint8))
            if found.ids:
                ids += csv_rows.texts(path, chunk, found, found.ids[0])
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
        y, classes = classes_of(path, names)
    elif labels:
        y = np.concatenate(labels)
        classes = tuple(found.names[i] for i in found.targets) or None
    return Table(x, y, classes, tuple(ids) if found.ids else None, found)


def columns(
    path: Path,
    image_size: Size | None = None,
    label_column: Columns = None,
    task: TaskName | None = None,
) -> Layout:
    """Return what the columns of a file hold."""
    first, edges = csv_lines.first_line(path), csv_lines.edges_of(path)
    return layout_of(
        path, first, edges, image_size, label_column, task not in (None, "classification")
    )


def first_fields(path: Path) -> list[str]:
    """Return the fields of the first line: the names of the columns, if it has names."""
    return fields(path, csv_lines.first_line(path))[1]


def pixel_by_pixel(images: np.ndarray) -> bool:
    """Whether rows that were read as (n, 3, h, w) look like (n, h, w, 3): colours side by side.

    Neighbouring pixels are alike. Their values are 1 and w apart if colours come one after the
    other; in pixel order they are 3 and 3 w apart, and values 1 and w apart are another colour and
    a pixel far away.
    """
    n, c, h, w = images.shape
    if c != 3 or min(h, w) < 4:
        return False
    rows = images[:: max(1, n // _SAMPLE)].reshape(-1, c * h * w).astype(np.int16)

    def apart(step: int) -> float:
        return float(np.abs(rows[:, step:] - rows[:, :-step]).mean())

    return apart(3) + apart(3 * w) < 0.9 * (apart(1) + apart(w))


def classes_of(path: Path, texts: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the labels of text, int64 (n,), and their names in order."""
    names = tuple(sorted(set(texts)))
    if len(names) > MOST_CLASSES:
        message = f"{path}: {len(texts)} images have {len(names)} different labels"
        raise LabelError(hint(message, "--label-column with the column of the classes"))
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    if all(_DECIMAL_COMMA.fullmatch(name) for name in names):
        message = f"{path}: the labels are numbers with a decimal comma, such as {names[0][:20]!r}"
        raise LabelError(hint(message, "a point in place of the comma"))
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
