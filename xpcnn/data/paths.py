"""The user's own data sets, by their path: a CSV file, a .npz file, a folder of pictures by class.

Where there is no test part, a fifth of each class becomes one: the images whose pixels have the
lowest hashes. So an image keeps its part when others change places, and nearly always when others
come or go; equal images are in the same part whatever their labels; neither seed nor limit makes a
difference. Does not guess the kind of a file that its name does not tell.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from xpcnn import random
from xpcnn.data import csv_file, folders, npz, packed, parquet_index, shard_index
from xpcnn.data.csv_columns import Layout
from xpcnn.data.dataset import Dataset
from xpcnn.data.files import shown
from xpcnn.data.folder_tree import Name
from xpcnn.data.hashes import lowest, unit_hashes
from xpcnn.data.images import Part
from xpcnn.data.labels import MOST_CLASSES, check_range, relabelled
from xpcnn.data.named_parts import files_in
from xpcnn.data.reading import Fit, Reading, observed
from xpcnn.data.stored import joined, part_of
from xpcnn.data.stream import Index, Stream
from xpcnn.data.stream_parts import Wanted, as_streams
from xpcnn.errors import ConfigError, DataError, LabelError, ShapeError, hint

TEST_FRACTION = 0.2

Size = tuple[int, int]  # (h, w)

Indexed: TypeAlias = tuple[Index, dict[Name, np.ndarray], tuple[str, ...] | None]
"""An index, its rows for each part, and the names of the classes, if they have some."""

_INDEX_OF: Mapping[str, Callable[[Path], Indexed]] = {
    shard_index.ENDING: shard_index.index_of,
    parquet_index.ENDING: parquet_index.index_of,
}
"""By their ending: what reads the index of files that hold many pictures each."""


class Contents(NamedTuple):
    """What is in the files: parts and classes are None where they say nothing of it; reading and
    notes are those of the `Dataset`.
    """

    train: Part
    validation: Part | None
    test: Part | None
    classes: tuple[str, ...] | None
    reading: Reading | None = None
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[Name, Part]:
        """The parts that there are, by name."""
        given: dict[Name, Part | None] = {
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
        }
        return {name: part for name, part in given.items() if part is not None}


@dataclass(frozen=True)
class How:
    """How files are read.

    image_size: (h, w) of pictures, and of the rows of a CSV file. label_column: of a CSV file, by
    name or number. reading: how a model's samples were read, to read pictures that way.
    skip_damaged: leave out pictures that cannot be read. image_fit: of pictures, "pad" or "crop".
    stream: whether images stay on disk and are read while they are used; None decides by size.
    """

    image_size: Size | None = None
    label_column: str | int | None = None
    reading: Reading | None = None
    skip_damaged: bool = False
    image_fit: Fit | None = None
    stream: bool | None = None


def load_path(path: Path, name: str, how: How) -> tuple[Dataset, Dataset | None, Dataset]:
    """Return the training, validation and test part of the data at `path`, as data set `name`.

    The test part that was taken from the training images says so in its name.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
    """
    (images, labels), validation, test, classes, reading, notes = _read(path, how)
    if classes is None:
        classes = _numbers(labels, path)
    check_range(labels, len(classes), str(path))
    name_of_test = name
    if test is None:
        name_of_test = f"{name} (a fifth, by hash)"
        key = random.key(0, "test").to_bytes(16, "little")
        chosen = lowest(unit_hashes(images, key), labels, TEST_FRACTION, key)
        if chosen.all() or not chosen.any():
            message = f"{path}: {len(images)} images are too few to set a test part aside"
            raise DataError(hint(message, "more images, or a test part of their own"))
        test = part_of(images, chosen), labels[chosen]
        images, labels = part_of(images, ~chosen), labels[~chosen]
    train = replace(Dataset.from_arrays(images, labels, classes, name, reading), notes=notes)
    return (
        train,
        None if validation is None else _beside(train, validation, "validation", path),
        replace(_beside(train, test, "test", path), name=name_of_test),
    )


def _beside(train: Dataset, part: Part, kind: str, path: Path) -> Dataset:
    """Return another part of the data set that `train` is of."""
    images, labels = part
    check_range(labels, len(train.classes), f"{path}: the {kind} part")
    if images.shape[1:] != train.shape:
        sizes = f"shape {train.shape}, {kind} images {images.shape[1:]}"
        message = f"{path}: training images have the {sizes}"
        raise ShapeError(hint(message, "images of one shape in all parts"))
    return replace(train, images=images, labels=labels, notes=())


def load_validation(path: Path, train: Dataset, how: How) -> Dataset:
    """Return all images at `path` as the validation part for `train`.

    Pictures are read as those of `train` were; classes are matched by their names, and labels
    without names count the classes of `train`.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
    """
    if not os.path.exists(path):
        message = f"{shown(path)}: there is no such file or folder to validate on"
        raise DataError(hint(message, "a path, or 0.1 for a tenth of the training images"))
    if path.suffix.lower() == ".csv" or os.path.isfile(path / "train.csv"):
        how = replace(how, image_size=(train.shape[1], train.shape[2]))
    elif os.path.isdir(path):
        how = replace(how, reading=train.reading or observed(train.images))
    found = _read(path, how)
    held = [kind for kind in ("validation", "test") if getattr(found, kind) is not None]
    if held:
        message = f"{path}: holds a {' and a '.join(held)} part beside the training part"
        raise DataError(hint(message, "a file or folder with the validation part alone"))
    images, labels = found.train
    if found.classes is not None:
        labels = relabelled(labels, found.classes, train.classes, str(path))
    part = _beside(train, (images, labels), "validation", path)
    return replace(part, name=path.name, notes=found.notes)


def whole(path: Path, name: str, how: How, classes: tuple[str, ...] | None = None) -> Dataset:
    """Return all images at `path`, whatever parts they are in: those of a file in its order.

    classes: the model's, for labels without names. They are names themselves where `classes` has
    all of them, such as "7", and otherwise count the classes from 0.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
    """
    found = _read(path, how)
    parts = [part for part in found[:3] if part is not None]
    images = joined([images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    names = found.classes or classes
    texts = {str(label) for label in np.unique(labels)}
    if found.classes is None and classes is not None and texts <= set(classes):
        labels = relabelled(labels, None, classes, str(path))
    if names is not None:
        check_range(labels, len(names), str(path))
    every = Dataset.from_arrays(images, labels, names, name, found.reading)
    return replace(every, notes=found.notes)


def unlabelled(path: Path, image_size: Size) -> csv_file.Table:
    """Return the images of a CSV file, or of `test.csv` in a folder, and their ids if it has some.

    Raises:
        DataError: there is no such file, or it is not what it should be.
    """
    file = path / "test.csv" if os.path.isdir(path) else path
    if file.suffix.lower() != ".csv":
        message = f"{path}: is no CSV file of images"
        raise DataError(hint(message, "test.csv, or the folder that holds it"))
    return csv_file.read(file, image_size)


def is_unlabelled(path: Path, image_size: Size) -> bool:
    """Whether a path is a CSV file of images without labels.

    Raises:
        DataError: the file cannot be read.
    """
    if path.suffix.lower() != ".csv" or not os.path.isfile(path):
        return False
    return csv_file.columns(path, image_size).label is None


def _read(path: Path, how: How) -> Contents:
    kind = path.suffix.lower()
    pictures = os.path.isdir(path) and not os.path.isfile(path / "train.csv")
    fitted = (pictures and not packed.is_packed(path)) or _files_of_many(path) is not None
    if how.image_fit is not None and os.path.exists(path) and not fitted:
        message = f"image_fit is given, but {path} is no folder of pictures"
        raise ConfigError(hint(message, "leave --image-fit (image_fit) out"))
    csv = (path / "train.csv") if os.path.isdir(path) else path
    if csv.suffix.lower() != ".csv" or not (os.path.isfile(csv) or kind == ".csv"):
        if how.label_column is not None:
            message = f"label_column is given, but {path} is no CSV file"
            raise ConfigError(hint(message, "leave --label-column (label_column) out"))
    elif csv is not path:
        return _read_csv_folder(path, how)
    if packed.is_packed(path):
        return _read_pack(path, how)
    if (kind_of_files := _files_of_many(path)) is not None:
        return _read_files(path, kind_of_files, how)
    if pictures:
        return Contents(
            *folders.read(
                path, how.image_size, how.reading, how.skip_damaged, how.image_fit, how.stream
            )
        )
    if not os.path.exists(path):
        raise DataError(hint(f"{shown(path)}: there is no such file or folder", "check the path"))
    if kind == ".csv":
        return _labelled(path, how)[0]
    if kind == ".npz":
        train, validation, test, classes, notes = npz.read(path, how.stream)
        found = train[0].shape[2:]
        if how.image_size not in (None, found):
            message = f"{path}: holds images of {found}, not of {how.image_size}"
            raise ShapeError(hint(message, "leave --image-size (image_size) out"))
        return Contents(train, validation, test, classes, None, notes)
    message = f"{shown(path)}: is no kind of data file that is known"
    raise DataError(
        hint(
            message, "a .csv, .npz, .tar or .parquet file, or a folder with a folder for each class"
        )
    )


def streams(path: Path, how: How) -> Contents:
    """Return what is at a path as streams of pictures, with names of the classes.

    Raises:
        DataError, LabelError: there are no pictures, or it says what is wrong with them.
    """
    found = _read(path, replace(how, stream=True))
    if not isinstance(found.train[0], Stream):
        message = f"{shown(path)}: holds no pictures, tar shards or Parquet files"
        raise DataError(hint(message, "a folder with a folder of pictures for each class"))
    return found


def _read_pack(folder: Path, how: How) -> Contents:
    """Return the parts that `xpcnn pack` wrote."""
    parts, classes, reading = packed.read(folder, how.reading, how.stream)
    if how.image_size not in (None, reading.size):
        message = f"{folder}: holds images of {reading.size}, not of {how.image_size}"
        raise ShapeError(hint(message, "leave --image-size (image_size) out"))
    return Contents(parts["train"], parts.get("validation"), parts.get("test"), classes, reading)


def _files_of_many(path: Path) -> str | None:
    """Return how files at a path end that hold many pictures each; None where there are none."""
    return next((ending for ending in _INDEX_OF if files_in(path, ending)), None)


def _read_files(path: Path, ending: str, how: How) -> Contents:
    """Return the parts of such files: streams, or arrays where they are small."""
    index, rows, classes = _INDEX_OF[ending](path)
    wanted = Wanted(how.image_size, how.image_fit, how.reading, how.skip_damaged, how.stream)
    found = as_streams(index, rows, wanted)
    if found is None:
        found = as_streams(index, rows, wanted._replace(stream=True))
        assert found is not None
        parts = {name: (images[:], labels) for name, (images, labels) in found.parts.items()}
        found = found._replace(parts=parts)
    if classes is None:
        classes = _numbers(index.labels, path)
    parts, reading, notes = found
    check_range(index.labels, len(classes), str(path))
    return Contents(
        parts["train"], parts.get("validation"), parts.get("test"), classes, reading, notes
    )


def _numbers(labels: np.ndarray, path: Path) -> tuple[str, ...]:
    """Return the numbers up to the largest label as names of classes."""
    largest = int(labels.max())
    if largest >= MOST_CLASSES:
        message = f"{path}: the largest label is {largest}, and no class names are given"
        raise LabelError(hint(message, "an array classes with a name for each label from 0 on"))
    return tuple(map(str, range(max(largest, 0) + 1)))


def _read_csv_folder(folder: Path, how: How) -> Contents:
    """Return the parts of train.csv and test.csv; a test.csv without labels is no test part."""
    train, layout = _labelled(folder / "train.csv", how)
    file = folder / "test.csv"
    if not os.path.isfile(file):
        return train
    names = csv_file.first_fields(file)
    column = None if layout.label is None else layout.names[layout.label]
    if how.label_column is not None and (
        len(names) != len(layout.names) or (layout.header and column not in names)
    ):
        return train  # the test file lacks the labels
    test = csv_file.read(file, how.image_size, how.label_column)
    if test.labels is None:
        return train
    labels = relabelled(test.labels, test.classes, train.classes, str(file))
    return train._replace(test=(test.images, labels))


def _labelled(path: Path, how: How) -> tuple[Contents, Layout]:
    """Return a CSV file as a training part, and the layout of its columns."""
    table = csv_file.read(path, how.image_size, how.label_column)
    if table.labels is None:
        message = f"{path}: there is no column label, so there is nothing to learn from"
        advice = (
            "train.csv, or --label-column NAME (label_column=...) for labels under another name; "
            "for images without labels: xpcnn predict RUN --submission FILE"
        )
        raise LabelError(hint(message, advice))
    notes = (table.layout.note,) if table.layout.note else ()
    part = table.images, table.labels
    return Contents(part, None, None, table.classes, None, notes), table.layout
