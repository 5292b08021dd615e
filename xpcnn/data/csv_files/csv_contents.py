"""What CSV files hold as parts of a data set: one file, or a folder of Kaggle's two."""

import os
from pathlib import Path

import numpy as np

from xpcnn.data.contents import Contents, ReadOptions, note_on, numbers_to, task_of
from xpcnn.data.csv_files import csv_file, csv_pictures
from xpcnn.data.csv_files.csv_columns import Layout
from xpcnn.data.labels import relabelled
from xpcnn.data.streams.stream_parts import Wanted
from xpcnn.errors import LabelError, hint


def read_file(path: Path, options: ReadOptions) -> Contents:
    """Return a CSV file as a training part."""
    return _labelled(path, options)[0]


def read_folder(folder: Path, options: ReadOptions) -> Contents:
    """Return the parts of train.csv and test.csv; a test.csv without labels is no test part."""
    train, layout = _labelled(folder / "train.csv", options)
    file = folder / "test.csv"
    if not os.path.isfile(file):
        return train
    names = csv_file.first_fields(file)
    targets = layout.targets if layout.label is None else (layout.label,)
    columns = {layout.names[i] for i in targets}
    if options.label_column is not None and (
        len(names) != len(layout.names) or (layout.header and not columns <= set(names))
    ):
        return train  # the test file lacks the labels
    test = csv_file.read(file, options.image_size, options.label_column, options.task)
    if test.labels is None:
        return train
    if train.task != "classification":
        return train._replace(test=(test.images, test.labels))
    labels = relabelled(test.labels, test.classes, train.classes, str(file))
    return train._replace(test=(test.images, labels))


def _labelled(path: Path, options: ReadOptions) -> tuple[Contents, Layout]:
    """Return a CSV file as a training part, and the layout of its columns."""
    table = csv_file.read(path, options.image_size, options.label_column, options.task)
    if table.labels is None:
        message = f"{path}: there is no column label, so there is nothing to learn from"
        advice = (
            "train.csv, or --label-column NAME (label_column=...) for labels under another name; "
            "for images without labels: xpcnn predict RUN --submission FILE"
        )
        raise LabelError(hint(message, advice))
    notes: tuple[str, ...] = (table.layout.note,) if table.layout.note else ()
    part = table.images, table.labels
    task = task_of(path, options, table.classes if table.layout.targets else None)
    notes += note_on(path, options, task, table.classes)
    return Contents(part, None, None, table.classes, None, notes, task), table.layout


def read_pictures(path: Path, options: ReadOptions) -> Contents:
    """Return the pictures that a CSV file names: a training part, and others if a column says so.

    Raises:
        DataError, LabelError, ConfigError: see `csv_pictures.read`.
    """
    wanted = Wanted(
        options.image_size, options.image_fit, options.reading, options.skip_damaged, options.stream
    )
    parts, classes, reading, notes = csv_pictures.read(
        path, options.label_column, options.task, wanted
    )
    labels = np.concatenate([own for _, own in parts.values()])
    task = task_of(path, options, classes if labels.ndim > 1 else None)
    if classes is None:
        classes = numbers_to(labels, path)
    notes += note_on(path, options, task, classes)
    return Contents.of(parts, classes, reading, notes, task)
