"""What is in the files at a path: which reader reads them, and what it finds.

A folder that `xpcnn pack` wrote, tar shards, Parquet files, a folder of pictures by class, a CSV
file or a folder of Kaggle's two, or a .npz file. Does not guess the kind of a file that its name
does not tell.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from xpcnn.data import csv_file, csv_pictures, folders, npz, packed, parquet_index, shard_index
from xpcnn.data.csv_columns import Columns, Layout
from xpcnn.data.files import shown
from xpcnn.data.folder_tree import Name
from xpcnn.data.images import Part
from xpcnn.data.labels import MOST_CLASSES, check_range, relabelled
from xpcnn.data.named_parts import files_in
from xpcnn.data.reading import Fit, Reading, Size
from xpcnn.data.stream import Index, Stream
from xpcnn.data.stream_parts import Wanted, as_streams
from xpcnn.errors import ConfigError, DataError, LabelError, ShapeError, hint
from xpcnn.types import TaskName

Indexed: TypeAlias = tuple[Index, dict[Name, np.ndarray], tuple[str, ...] | None]
"""An index, its rows for each part, and the names of the classes, if they have some."""

_INDEX_OF: Mapping[str, Callable[[Path], Indexed]] = {
    shard_index.ENDING: shard_index.index_of,
    parquet_index.ENDING: parquet_index.index_of,
}
"""By their ending: what reads the index of files that hold many pictures each."""


class Contents(NamedTuple):
    """What is in the files: parts and classes are None where they say nothing of it; reading, notes
    and task are those of the `Dataset`.
    """

    train: Part
    validation: Part | None
    test: Part | None
    classes: tuple[str, ...] | None
    reading: Reading | None = None
    notes: tuple[str, ...] = ()
    task: TaskName = "classification"

    @property
    def parts(self) -> dict[Name, Part]:
        """The parts of the data, by name; absent ones are left out."""
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
    name or number, or several. task: what the labels of a CSV file are; see `loading.load`.
    reading: how a model's samples were read, to read pictures that way. skip_damaged: leave out
    pictures that cannot be read. image_fit: of pictures, "pad" or "crop". stream: whether images
    stay on disk and are read while they are used; None decides by size.
    """

    image_size: Size | None = None
    label_column: Columns = None
    reading: Reading | None = None
    skip_damaged: bool = False
    image_fit: Fit | None = None
    stream: bool | None = None
    task: TaskName | None = None


def contents(path: Path, how: How) -> Contents:
    """Return what the files at a path hold.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: says which file is wrong and in what.
        ConfigError: an option of `how` has no use for such files.
    """
    kind = path.suffix.lower()
    named = kind == ".csv" and os.path.isfile(path) and csv_pictures.names_pictures(path)
    pictures = os.path.isdir(path) and not os.path.isfile(path / "train.csv")
    fitted = (pictures and not packed.is_packed(path)) or _files_of_many(path) is not None or named
    if how.image_fit is not None and os.path.exists(path) and not fitted:
        message = f"image_fit is given, but {path} is not a folder of pictures"
        raise ConfigError(hint(message, "leave --image-fit (image_fit) out"))
    csv = (path / "train.csv") if os.path.isdir(path) else path
    if csv.suffix.lower() != ".csv" or not (os.path.isfile(csv) or kind == ".csv"):
        if how.task not in (None, "classification"):
            message = f"the task is {how.task}, but {path} is not a CSV file, so it has classes"
            raise ConfigError(hint(message, "a CSV file, which has columns of labels or numbers"))
        if how.label_column is not None:
            message = f"label_column is given, but {path} is not a CSV file"
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
    if named:
        return _named_pictures(path, how)
    if kind == ".csv":
        return _labelled(path, how)[0]
    if kind == ".npz":
        train, validation, test, classes, notes = npz.read(path, how.stream)
        found = train[0].shape[2:]
        if how.image_size not in (None, found):
            message = f"{path}: holds images of {found}, not of {how.image_size}"
            raise ShapeError(hint(message, "leave --image-size (image_size) out"))
        return Contents(train, validation, test, classes, None, notes)
    message = f"{shown(path)}: is not a known kind of data file"
    advice = "a .csv, .npz, .tar or .parquet file, or a folder with a folder for each class"
    raise DataError(hint(message, advice))


def streams(path: Path, how: How) -> Contents:
    """Return what is at a path as streams of pictures, with names of the classes.

    Raises:
        DataError, LabelError: there are no pictures, or it says what is wrong with them.
    """
    found = contents(path, replace(how, stream=True))
    if not isinstance(found.train[0], Stream):
        message = f"{shown(path)}: holds no pictures, tar shards or Parquet files"
        raise DataError(hint(message, "a folder with a folder of pictures for each class"))
    if found.classes is None:
        labels = np.concatenate([labels for _, labels in found.parts.values()])
        found = found._replace(classes=numbers_to(labels, path))
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
    parts, reading, notes = found
    if classes is not None:
        check_range(index.labels, len(classes), str(path))
    return Contents(
        parts["train"], parts.get("validation"), parts.get("test"), classes, reading, notes
    )


def numbers_to(labels: np.ndarray, path: Path) -> tuple[str, ...]:
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
    targets = layout.targets if layout.label is None else (layout.label,)
    columns = {layout.names[i] for i in targets}
    if how.label_column is not None and (
        len(names) != len(layout.names) or (layout.header and not columns <= set(names))
    ):
        return train  # the test file lacks the labels
    test = csv_file.read(file, how.image_size, how.label_column, how.task)
    if test.labels is None:
        return train
    if train.task != "classification":
        return train._replace(test=(test.images, test.labels))
    labels = relabelled(test.labels, test.classes, train.classes, str(file))
    return train._replace(test=(test.images, labels))


def _labelled(path: Path, how: How) -> tuple[Contents, Layout]:
    """Return a CSV file as a training part, and the layout of its columns."""
    table = csv_file.read(path, how.image_size, how.label_column, how.task)
    if table.labels is None:
        message = f"{path}: there is no column label, so there is nothing to learn from"
        advice = (
            "train.csv, or --label-column NAME (label_column=...) for labels under another name; "
            "for images without labels: xpcnn predict RUN --submission FILE"
        )
        raise LabelError(hint(message, advice))
    notes: tuple[str, ...] = (table.layout.note,) if table.layout.note else ()
    part = table.images, table.labels
    task = _task_of(path, how, table.classes if table.layout.targets else None)
    notes += _note_on(path, how, task, table.classes)
    return Contents(part, None, None, table.classes, None, notes, task), table.layout


def _named_pictures(path: Path, how: How) -> Contents:
    """Return the pictures that a CSV file names as a training part."""
    wanted = Wanted(how.image_size, how.image_fit, how.reading, how.skip_damaged, how.stream)
    part, classes, reading, notes = csv_pictures.read(path, how.label_column, how.task, wanted)
    task = _task_of(path, how, classes if part[1].ndim > 1 else None)
    if classes is None:
        classes = numbers_to(part[1], path)
    notes += _note_on(path, how, task, classes)
    return Contents(part, None, None, classes, reading, notes, task)


def _task_of(path: Path, how: How, targets: Sequence[str] | None) -> TaskName:
    """Return what the labels of a CSV file are: one column is classes, several are labels 0 and 1,
    unless the task that is asked for says another thing.

    targets: names of the columns where they are targets.

    Raises:
        ConfigError: the task that is asked for has another number of columns.
    """
    if targets is None:
        return "classification"
    task = how.task or "multi-label"
    if task == "classification" or (task == "multi-label" and len(targets) < 2):
        many = f"{len(targets)} columns" if len(targets) > 1 else "1 column"
        message = f"{path}: {many} of labels for the task {task}"
        advice = "one column of classes, two or more columns of 0 and 1, or --task regression"
        raise ConfigError(hint(message, advice))
    return task


def _note_on(path: Path, how: How, task: TaskName, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return what is said of several labels where nobody asked for a task."""
    if task == "classification" or how.task is not None:
        return ()
    listing = ", ".join((names or ())[:10])
    taken = "are taken for labels that an image may have at once, 0 or 1 each"
    return (f"{path}: {listing} {taken}; --task regression takes them for numbers",)
