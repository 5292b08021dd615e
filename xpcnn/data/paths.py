"""Data sets of one's own, by their path: a CSV file, a .npz file, a folder of pictures by class.

Where there is no test part, a fifth of each class becomes one: the images whose pixels have the
lowest hashes. So an image keeps its part when others change places, and nearly always when others
come or go; equal images are in the same part whatever their labels; neither seed nor limit makes a
difference. Refuses to guess the kind of a file that its name does not tell.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from xpcnn import random
from xpcnn.data import csv_file, folders, npz
from xpcnn.data.dataset import Dataset
from xpcnn.data.files import shown
from xpcnn.data.hashes import lowest, places
from xpcnn.data.images import Part
from xpcnn.data.labels import check_range, relabelled
from xpcnn.data.reading import Reading
from xpcnn.errors import ConfigError, DataError, LabelError, ShapeError, hint

TEST_FRACTION = 0.2

Size = tuple[int, int]  # (h, w)
LabelColumn: TypeAlias = str | int | None


class Parts(NamedTuple):
    """What is in the files: test and classes are None where they say nothing of it; reading and
    notes are those of the `Dataset`.
    """

    train: Part
    test: Part | None
    classes: tuple[str, ...] | None
    reading: Reading | None = None
    notes: tuple[str, ...] = ()


def load(
    path: Path,
    name: str,
    image_size: Size | None = None,
    label_column: LabelColumn = None,
    reading: Reading | None = None,
) -> tuple[Dataset, Dataset]:
    """Return the training and the test part of the data at `path`, as data set `name`.

    The test part that was taken from the training images says so in its name. reading: see `whole`.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
    """
    (images, labels), test, classes, reading, notes = _read(path, image_size, label_column, reading)
    if classes is None:
        largest = int(labels.max())
        if largest >= csv_file.MOST_CLASSES:
            message = f"{path}: the largest label is {largest}, and no class names are given"
            raise LabelError(hint(message, "an array classes with a name for each label from 0 on"))
        classes = tuple(map(str, range(max(largest, 0) + 1)))
    check_range(labels, len(classes), str(path))
    if test is None:
        name_of_test = f"{name} (a fifth, by hash)"
        key = random.key(0, "test").to_bytes(16, "little")
        chosen = lowest(places(images, key), labels, TEST_FRACTION, key)
        if chosen.all() or not chosen.any():
            message = f"{path}: {len(images)} images are too few to set a test part aside"
            raise DataError(hint(message, "more images, or a test part of their own"))
        test = images[chosen], labels[chosen]
        images, labels = images[~chosen], labels[~chosen]
    else:
        name_of_test = name
        check_range(test[1], len(classes), f"{path}: the test part")
        if test[0].shape[1:] != images.shape[1:]:
            sizes = f"shape {images.shape[1:]}, test images {test[0].shape[1:]}"
            message = f"{path}: training images have the {sizes}"
            raise ShapeError(hint(message, "images of one shape in both parts"))
    train = replace(Dataset.from_arrays(images, labels, classes, name, reading), notes=notes)
    return train, replace(train, images=test[0], labels=test[1], name=name_of_test)


def whole(
    path: Path,
    name: str,
    image_size: Size | None = None,
    label_column: LabelColumn = None,
    reading: Reading | None = None,
    classes: tuple[str, ...] | None = None,
) -> Dataset:
    """Return all images at `path`, whatever parts they are in: those of a file in its order.

    reading: how a model's samples were read, to read pictures that way. classes: the model's, for
    labels without names. They are names themselves where `classes` has all of them, such as "7",
    and otherwise count the classes from 0.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
    """
    parts = _read(path, image_size, label_column, reading)
    images, labels = parts.train
    if parts.test is not None:
        images = np.concatenate([images, parts.test[0]])
        labels = np.concatenate([labels, parts.test[1]])
    names = parts.classes or classes
    texts = {str(label) for label in np.unique(labels)}
    if parts.classes is None and classes is not None and texts <= set(classes):
        labels = relabelled(labels, None, classes, str(path))
    if names is not None:
        check_range(labels, len(names), str(path))
    whole = Dataset.from_arrays(images, labels, names, name, parts.reading)
    return replace(whole, notes=parts.notes)


def unlabelled(path: Path, image_size: Size) -> csv_file.Table:
    """Return the images of a CSV file, or of `test.csv` in a folder, and their ids if it has some.

    Raises:
        DataError: there is no such file, or it is not what it should be.
    """
    file = path / "test.csv" if path.is_dir() else path
    if file.suffix.lower() != ".csv":
        message = f"{path}: is no CSV file of images"
        raise DataError(hint(message, "test.csv, or the folder that holds it"))
    return csv_file.read(file, image_size)


def is_unlabelled(path: Path, image_size: Size) -> bool:
    """Whether a path is a CSV file of images without labels.

    Raises:
        DataError: the file cannot be read.
    """
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    return csv_file.columns(path, image_size).label is None


def _read(
    path: Path, image_size: Size | None, label_column: LabelColumn, reading: Reading | None
) -> Parts:
    kind = path.suffix.lower()
    csv = (path / "train.csv") if os.path.isdir(path) else path
    if csv.suffix.lower() != ".csv" or not (os.path.isfile(csv) or kind == ".csv"):
        if label_column is not None:
            message = f"label_column is given, but {path} is no CSV file"
            raise ConfigError(hint(message, "leave --label-column (label_column) out"))
    elif csv is not path:
        return _read_csv_folder(path, image_size, label_column)
    if os.path.isdir(path):
        train, test, classes, pictures = folders.read(path, image_size, reading)
        return Parts(train, test, classes, pictures.reading, pictures.notes)
    if not os.path.exists(path):
        raise DataError(hint(f"{shown(path)}: there is no such file or folder", "check --dataset"))
    if kind == ".csv":
        table = _labelled(path, image_size, label_column)
        assert table.labels is not None
        return Parts((table.images, table.labels), None, table.classes, None, _noted(table))
    if kind == ".npz":
        arrays = npz.read(path)
        parts = Parts(arrays.train, arrays.test, arrays.classes, None, arrays.notes)
        found = parts.train[0].shape[2:]
        if image_size not in (None, found):
            message = f"{path}: holds images of {found}, not of {image_size}"
            raise ShapeError(hint(message, "leave --image-size (image_size) out"))
        return parts
    message = f"{path}: is no kind of data file that is known"
    raise DataError(hint(message, "a .csv or .npz file, or a folder with a folder for each class"))


def _read_csv_folder(folder: Path, image_size: Size | None, label_column: LabelColumn) -> Parts:
    """Return the parts of train.csv and test.csv; a test.csv without labels is no test part."""
    train = _labelled(folder / "train.csv", image_size, label_column)
    assert train.labels is not None
    ours, file = (train.images, train.labels), folder / "test.csv"
    if not os.path.isfile(file):
        return Parts(ours, None, train.classes, None, _noted(train))
    names = csv_file.first_fields(file)
    column = None if train.layout.label is None else train.layout.names[train.layout.label]
    if label_column is not None and (
        len(names) != len(train.layout.names) or (train.layout.header and column not in names)
    ):
        return Parts(ours, None, train.classes, None, _noted(train))  # it lacks the labels
    test = csv_file.read(file, image_size, label_column)
    if test.labels is None:
        return Parts(ours, None, train.classes, None, _noted(train))
    labels = relabelled(test.labels, test.classes, train.classes, str(file))
    return Parts(ours, (test.images, labels), train.classes, None, _noted(train))


def _noted(table: csv_file.Table) -> tuple[str, ...]:
    return (table.layout.note,) if table.layout.note else ()


def _labelled(path: Path, image_size: Size | None, label_column: LabelColumn) -> csv_file.Table:
    table = csv_file.read(path, image_size, label_column)
    if table.labels is None:
        message = f"{path}: there is no column label, so there is nothing to learn from"
        advice = (
            "train.csv, or --label-column NAME (label_column=...) for labels under another name; "
            "for images without labels: xpcnn predict RUN --submission FILE"
        )
        raise LabelError(hint(message, advice))
    return table
