"""The user's own data, by path: a CSV file, a .npz file, a folder of pictures; and its test part.

If there is no test part, a fifth of each class becomes one: the images whose pixels have the lowest
hashes. So an image keeps its part when others are reordered, and nearly always when others are
added or removed; equal images are in the same part whatever their labels; the part does not depend
on seed or limit. `path_contents` reads the files.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from xpcnn import random
from xpcnn.data import npz
from xpcnn.data.contents import ReadOptions, numbers_to
from xpcnn.data.csv_files import csv_file, csv_pictures
from xpcnn.data.csv_files.csv_columns import is_csv
from xpcnn.data.dataset import Dataset
from xpcnn.data.files import is_there, shown
from xpcnn.data.image_hashes import lowest, unit_hashes
from xpcnn.data.images import Part
from xpcnn.data.labels import check_range, relabelled
from xpcnn.data.path_contents import contents
from xpcnn.data.reading import Size, observed
from xpcnn.data.stored import Images, joined, part_of
from xpcnn.errors import DataError, LabelError, ShapeError, counted, hint

TEST_FRACTION = 0.2


def load_path(
    path: Path, name: str, options: ReadOptions
) -> tuple[Dataset, Dataset | None, Dataset]:
    """Return the training, validation and test part of the data at `path`, as data set `name`.

    The test part that was taken from the training images says so in its name.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
    """
    found = contents(path, options)
    (images, labels), validation, test, classes, reading, notes, task = found
    if classes is None:
        classes = numbers_to(labels, path)
    if task == "classification":
        check_range(labels, len(classes), str(path))
    name_of_test = name
    if test is None:
        name_of_test = f"{name} (a fifth, by hash)"
        key = random.key(0, "test").to_bytes(16, "little")
        strata = labels if task == "classification" else np.zeros(len(labels), np.int64)
        chosen = lowest(unit_hashes(images, key), strata, TEST_FRACTION, key)
        if chosen.all() or not chosen.any():
            many = f"{counted(len(images), 'image')}: too few, or too many of them are equal"
            message = f"{path}: no test part can be set aside of {many}"
            raise DataError(hint(message, "more images, or a test part of their own"))
        test = part_of(images, chosen), labels[chosen]
        images, labels = part_of(images, ~chosen), labels[~chosen]
    train = Dataset.from_arrays(images, labels, classes, name, reading, task)
    train = replace(train, notes=notes)
    return (
        train,
        None if validation is None else _beside(train, validation, "validation", path),
        replace(_beside(train, test, "test", path), name=name_of_test),
    )


def _beside(train: Dataset, part: Part, kind: str, path: Path) -> Dataset:
    """Return another part of the data set that `train` is of."""
    images, labels = part
    if train.task == "classification":
        check_range(labels, len(train.classes), f"{path}: the {kind} part")
    if images.shape[1:] != train.shape:
        sizes = f"shape {train.shape}, {kind} images {images.shape[1:]}"
        message = f"{path}: training images have the {sizes}"
        raise ShapeError(hint(message, "images of one shape in all parts"))
    return replace(train, images=images, labels=labels, notes=())


def load_validation(path: Path, train: Dataset, options: ReadOptions) -> Dataset:
    """Return all images at `path` as the validation part for `train`.

    Pictures are read as those of `train` were; classes are matched by their names, and labels
    without names count the classes of `train`.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
    """
    if not is_there(path):
        message = f"{shown(path)}: there is no such file or folder to validate on"
        raise DataError(hint(message, "a path, or 0.1 for a tenth of the training images"))
    options = replace(options, task=train.task)
    if is_csv(path) or os.path.isfile(path / "train.csv"):
        options = replace(options, image_size=(train.shape[1], train.shape[2]))
        if is_csv(path) and csv_pictures.names_pictures(path):
            options = replace(
                options, reading=train.reading or observed(train.images), image_size=None
            )
    else:
        options = replace(options, reading=train.reading or observed(train.images))
    found = contents(path, options)
    held = [kind for kind in ("validation", "test") if getattr(found, kind) is not None]
    if held:
        message = f"{path}: holds a {' and a '.join(held)} part beside the training part"
        raise DataError(hint(message, "a file or folder with the validation part alone"))
    images, labels = found.train
    others = found.task != "classification" and found.classes not in (None, train.classes)
    if found.task != train.task or others:
        theirs, ours = ", ".join(found.classes or ()), ", ".join(train.classes[:10])
        message = f"{path}: holds {found.task} targets {theirs}, {train.name} {train.task} {ours}"
        raise LabelError(hint(message, "--label-column with the same columns, in both files"))
    if found.classes is not None and found.task == "classification":
        labels = relabelled(labels, found.classes, train.classes, str(path))
    part = _beside(train, (images, labels), "validation", path)
    return replace(part, name=path.name, notes=found.notes)


def whole(
    path: Path, name: str, options: ReadOptions, classes: tuple[str, ...] | None = None
) -> Dataset:
    """Return all images at `path`, whatever parts they are in: those of a file in its order.

    classes: the model's, for labels without names. They are names themselves where `classes` has
    all of them, such as "7", and otherwise count the classes from 0.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
    """
    found = contents(path, options)
    parts = [part for part in found[:3] if part is not None]
    images = joined([images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    names = found.classes or classes
    nameless = found.classes is None and classes is not None and labels.ndim == 1
    if nameless and {str(label) for label in np.unique(labels)} <= set(classes or ()):
        labels = relabelled(labels, None, classes, str(path))
    if names is not None and found.task == "classification":
        check_range(labels, len(names), str(path))
    every = Dataset.from_arrays(images, labels, names, name, found.reading, found.task)
    return replace(every, notes=found.notes)


def unlabelled(path: Path, image_size: Size) -> csv_file.Table:
    """Return the images of a CSV file, or of `test.csv` in a folder, and their ids if it has some.

    Raises:
        DataError: there is no such file, or it is not what it should be.
    """
    file = path / "test.csv" if os.path.isdir(path) else path
    if not is_csv(file):
        message = f"{path}: is not a CSV file of images"
        raise DataError(hint(message, "test.csv, or the folder that holds it"))
    return csv_file.read(file, image_size)


def without_labels(path: Path, image_size: Size) -> tuple[Images, tuple[str, ...]] | None:
    """Return the images of a CSV or .npz file that has no labels, and how they were read, in
    sentences; None for other data.

    Raises:
        DataError: the file cannot be read.
    """
    if not os.path.isfile(path):
        return None
    if path.suffix.lower() == ".npz":
        return npz.unlabelled(path)
    if not is_csv(path) or csv_pictures.names_pictures(path):
        return None
    if csv_file.columns(path, image_size).label is not None:
        return None
    images, *_, layout = csv_file.read(path, image_size)
    return images, (layout.note,) if layout.note else ()
