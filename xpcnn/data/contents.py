"""What files hold, whatever their format, and the options by which they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from xpcnn.data.csv_files.csv_columns import Columns
from xpcnn.data.folder_tree import Name
from xpcnn.data.images import Part
from xpcnn.data.labels import MOST_CLASSES
from xpcnn.data.reading import Fit, Reading, Size
from xpcnn.errors import ConfigError, LabelError, counted, hint, nearest
from xpcnn.types import TaskName


class Contents(NamedTuple):
    """What files hold: the images and labels of each part, and what belongs to all parts.

    train, validation, test: (images, labels) of each part; None for a part that the files lack.
    classes: names of the classes, labels or numbers; None where the files do not name them.
    reading, notes, task: as in `Dataset`.
    """

    train: Part
    validation: Part | None
    test: Part | None
    classes: tuple[str, ...] | None
    reading: Reading | None = None
    notes: tuple[str, ...] = ()
    task: TaskName = "classification"

    @classmethod
    def of(
        cls,
        parts: Mapping[Name, Part],
        classes: tuple[str, ...] | None,
        reading: Reading | None = None,
        notes: Sequence[str] = (),
        task: TaskName = "classification",
    ) -> "Contents":
        """Return the contents of files that hold these parts, of which "train" is one."""
        others = parts.get("validation"), parts.get("test")
        return cls(parts["train"], *others, classes, reading, tuple(notes), task)

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
class ReadOptions:
    """How files are to be read: the arguments of `loading.load`, which describes each.

    stream: None decides by size whether images stay on disk and are read while they are used.
    reading: how a model's samples were read, to read pictures in the same way; None for any.
    """

    image_size: Size | None = None
    label_column: Columns = None
    reading: Reading | None = None
    skip_damaged: bool = False
    image_fit: Fit | None = None
    stream: bool | None = None
    task: TaskName | None = None


def check_task_name(task: object) -> None:
    """Require the name of a task, or None.

    Raises:
        ConfigError: it is anything else.
    """
    names = get_args(TaskName)
    if task is not None and task not in names:
        raise ConfigError(hint(f"unknown task {task!r}", nearest(str(task), names)))


def numbers_to(labels: np.ndarray, path: Path) -> tuple[str, ...]:
    """Return the numbers up to the largest label, or those of all columns of targets, as names."""
    if labels.ndim > 1:
        return tuple(map(str, range(labels.shape[1])))
    largest = int(labels.max())
    if largest >= MOST_CLASSES:
        message = f"{path}: the largest label is {largest}, and no class names are given"
        raise LabelError(hint(message, "an array classes with a name for each label from 0 on"))
    return tuple(map(str, range(max(largest, 0) + 1)))


def task_of(path: Path, options: ReadOptions, targets: Sequence[str] | None) -> TaskName:
    """Return what the labels of files are: one column is classes, several are labels 0 and 1,
    unless the task that is asked for says another thing.

    targets: names of the columns where they are targets.

    Raises:
        ConfigError: the task that is asked for has another number of columns.
    """
    if targets is None:
        return "classification"
    task = options.task or "multi-label"
    if task == "classification" or (task == "multi-label" and len(targets) < 2):
        message = f"{path}: {counted(len(targets), 'column')} of labels for the task {task}"
        advice = "one column of classes, two or more columns of 0 and 1, or --task regression"
        raise ConfigError(hint(message, advice))
    return task


def note_on(
    path: Path, options: ReadOptions, task: TaskName, names: Sequence[str] | None
) -> tuple[str, ...]:
    """Return a note that columns are taken for several labels, if no task was asked for."""
    if task == "classification" or options.task is not None:
        return ()
    listing = ", ".join((names or ())[:10])
    taken = "are taken for labels that an image may have at once, 0 or 1 each"
    return (f"{path}: {listing} {taken}; --task regression takes them for numbers",)
