"""Data sets by name or by path, as a training, a validation and a test part.

Modules that read files are imported when they are used.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from xpcnn.data.contents import ReadOptions, check_task_name
from xpcnn.data.csv_files.csv_columns import Columns
from xpcnn.data.dataset import Dataset
from xpcnn.data.files import PathLike, user_path
from xpcnn.data.named_sets import NAMES, known, named
from xpcnn.data.reading import Fit, Reading
from xpcnn.errors import ConfigError, hint
from xpcnn.options import is_whole
from xpcnn.types import TaskName


class Parts(NamedTuple):
    """The parts of a data set.

    train: the training part; `train.notes` are sentences about what reading the files left out or
        decided.
    validation: the validation part; None if the files have none.
    test: the test part.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset


def load(
    name: PathLike,
    data_dir: PathLike | None = None,
    *,
    download: bool = True,
    classes: Iterable[str | int] | None = None,
    limit: int | None = None,
    limit_per_class: int | None = None,
    image_size: tuple[int, int] | None = None,
    image_fit: Fit | None = None,
    label_column: Columns = None,
    reading: Reading | None = None,
    skip_damaged: bool = False,
    stream: bool | None = None,
    task: TaskName | None = None,
) -> tuple[Dataset, Dataset]:
    """Return the training part and the test part of a data set.

    If a path has no test part, a fifth of each class, chosen by a hash of the pixels, becomes the
    test part. Both parts have the mean and std of the whole training part. A validation part of the
    files is in neither: `load_parts` returns it.

    Args:
        name: a data set: "digits", which is part of the package; "mnist", "fashion-mnist",
            "kmnist", "cifar10" or "cifar100", in any case. Or a path, with `./` before a folder
            that has the name of a data set:

            - a CSV file with a label and the pixels of an image in each row, or a folder with
              `train.csv` (and `test.csv`, the test part if it has labels);
            - a CSV file with the names of pictures in a column `file` (or filename, path, image,
              ...), from its folder on, and their labels in others (needs Pillow);
            - a folder of pictures, `CLASS/*`, or `train/CLASS/*`, `val/CLASS/*` and `test/CLASS/*`
              (needs Pillow);
            - a .npz file with `images` and `labels`, perhaps `val_images`, `test_images` and their
              labels, and `classes`; or with the names of MedMNIST or Keras, or `X` and `y`;
            - IDX files that are named as MNIST's are: a folder of them;
            - tar shards as webdataset writes them, or Parquet files as Hugging Face does: one file,
              or a folder of them; or a folder that `xpcnn pack` wrote.
        data_dir: folder of the files of a named data set (or of its folder `name`, or where
            torchvision puts them); None means `$XPCNN_DATA_DIR`, or without it the user's cache
            folder, into which the files are downloaded once.
        download: whether a data set that is not on this machine may be downloaded.
        classes: names (in any case) or indices to keep in both parts; they become the labels 0, 1,
            ... in that order.
        limit, limit_per_class: largest number of training images in all, and of each class: the
            first ones, after the choice of classes. Other parts are not limited.
        image_size: (h, w) in pixels: the size of images in a CSV file, square or not; the size to
            which pictures of a folder are resized, with their proportions kept.
        image_fit: how pictures of a folder are resized: "pad" (default) fits the whole picture
            inside and fills the rest with the colour of its border; "crop" fills the size and cuts
            off the rest evenly.
        label_column: the column of a CSV or Parquet file that holds the labels, by its name or its
            number, counted from 1 (-1 is the last); of tar shards, a key of KEY.json. Needed if the
            file does not show which one it is. Several, as a list or "a,b,c", are labels that an
            image may have at once, 0 or 1 each, or numbers where `task` says so.
        reading: `model.reading` of a model, to read the pictures of a folder as in its training.
        skip_damaged: True leaves out pictures that cannot be read; False raises an error that names
            them.
        stream: True leaves the images of a folder or of an uncompressed .npz file on disk and reads
            them batch by batch; False reads them into memory; None decides by size: on disk if they
            would take more than 2 GiB. Images on disk are identified by their names, not by their
            pixels.
        task: what the labels of CSV, .npz and Parquet files and of tar shards are:
            "classification", one class for each image; "multi-label", rows of 0 and 1;
            "regression", numbers. None: one column is classes, several are labels; the labels of
            shards are classes.

    Raises:
        ConfigError: a name or class is unknown, a limit is below 1, or an image_size, image_fit or
            label_column does not exist or does not apply to such files.
        DataError: a file is missing or not valid.
    """
    parts = load_parts(
        name,
        data_dir,
        download=download,
        classes=classes,
        limit=limit,
        limit_per_class=limit_per_class,
        image_size=image_size,
        image_fit=image_fit,
        label_column=label_column,
        reading=reading,
        skip_damaged=skip_damaged,
        stream=stream,
        task=task,
    )
    return parts.train, parts.test


def load_parts(
    name: PathLike,
    data_dir: PathLike | None = None,
    *,
    validation: PathLike | None = None,
    download: bool = True,
    classes: Iterable[str | int] | None = None,
    limit: int | None = None,
    limit_per_class: int | None = None,
    image_size: tuple[int, int] | None = None,
    image_fit: Fit | None = None,
    label_column: Columns = None,
    reading: Reading | None = None,
    skip_damaged: bool = False,
    stream: bool | None = None,
    task: TaskName | None = None,
) -> Parts:
    """Return the training, the validation and the test part of a data set.

    name, data_dir, download, classes, limit, limit_per_class, image_size, image_fit, label_column,
        reading, skip_damaged, stream, task: as in `load`, with the same errors.
    validation: path of a file or of a folder of pictures by class, all samples of which are the
        validation part; None for the validation part of the files (a folder `val`, an array
        `val_images`).
    """
    image_size = _as_size(image_size)
    check_task_name(task)
    if image_fit not in (None, "pad", "crop"):
        message = f"image_fit is {image_fit!r}, expected 'pad' or 'crop'"
        raise ConfigError(hint(message, "pad, which keeps the whole picture"))
    if is_path(name):
        from xpcnn.data.own_data import load_path

        path = user_path(name)
        options = ReadOptions(
            image_size, label_column, reading, skip_damaged, image_fit, stream, task
        )
        parts = Parts(*load_path(path, _own_name(path), options))
    else:
        train, test = named(str(name), data_dir, download)
        parts = Parts(train, None, test)
        if stream:
            message = f"stream is given, but the data set {parts.train.name} is in memory"
            raise ConfigError(hint(message, "leave --stream (stream) out"))
        if image_fit is not None:
            message = f"image_fit is given, but {parts.train.name} is not a folder of pictures"
            raise ConfigError(hint(message, "leave --image-fit (image_fit) out"))
        if image_size is not None:
            message = f"image_size is given, but the images of {parts.train.name!r} have their size"
            raise ConfigError(hint(message, "leave --image-size (image_size) out"))
        if task not in (None, "classification"):
            message = f"the task is {task}, but the data set {parts.train.name} has classes"
            raise ConfigError(hint(message, "leave --task (task) out"))
        if label_column is not None and validation is None:
            message = f"label_column is given, but {parts.train.name} has no columns"
            raise ConfigError(hint(message, "leave --label-column (label_column) out"))
    if validation is not None:
        parts = _with_validation(parts, user_path(validation), label_column, skip_damaged, stream)
    train, held, test = parts
    if classes is not None:
        classes = list(classes)
        test = test.select(classes=classes)
        held = None if held is None else held.select(classes=classes)
    train = train.select(classes=classes, limit=limit, limit_per_class=limit_per_class)
    return Parts(train, held, test)


def load_whole(
    path: PathLike,
    *,
    image_size: tuple[int, int] | None = None,
    label_column: Columns = None,
    reading: Reading | None = None,
    skip_damaged: bool = False,
    stream: bool | None = None,
    task: TaskName | None = None,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """Return all images of a file or folder as one data set, those of a file in order.

    For evaluating a model on other data than it was trained on:

        test = load_whole("mine/", reading=model.reading, classes=model.classes)

    path: a file or folder, see `load`.
    image_size, label_column, skip_damaged, stream, task: as in `load`.
    reading: `model.reading`, to read pictures of a folder as in the training of the model.
    classes: class names of labels that are numbers, in order; "0", "1", ... by default.

    Raises:
        ConfigError: an image_size or label_column does not exist or does not apply to such files.
        DataError: a file is missing or not valid.
    """
    from xpcnn.data import own_data

    image_size = _as_size(image_size)
    path = user_path(path)
    options = ReadOptions(image_size, label_column, reading, skip_damaged, None, stream, task)
    return own_data.whole(
        path, _own_name(path), options, None if classes is None else tuple(classes)
    )


def is_path(name: PathLike) -> bool:
    """Return whether `load` takes `name` for a path: it looks like one, and names no data set."""
    if not isinstance(name, str):
        return True
    if known(name) is not None:
        return False
    written = is_data_file(name) or any(s in name for s in (os.sep, "/"))
    return written or os.path.exists(name)


def is_data_file(name: str) -> bool:
    """Return whether a path is named like a file of many samples."""
    return name.lower().endswith((".csv", ".tsv", ".npz", ".tar", ".parquet"))


def _with_validation(
    parts: Parts,
    path: Path,
    label_column: Columns,
    skip_damaged: bool,
    stream: bool | None,
) -> Parts:
    """Return the parts with all that is at a path as the validation part."""
    from xpcnn.data.own_data import load_validation
    from xpcnn.data.path_contents import has_columns

    column = label_column if has_columns(path) else None
    options = ReadOptions(None, column, None, skip_damaged, None, stream)
    held = load_validation(path, parts.train, options)
    notes = parts.train.notes
    if parts.validation is not None:
        notes += (f"{path} is the validation part; that of {parts.train.name} itself is not used",)
    return Parts(replace(parts.train, notes=notes + held.notes), held, parts.test)


def _own_name(path: Path) -> str:
    """Return the name of the data set at a path."""
    own = Path(os.path.abspath(path)).name or "root"
    return f"{own}-folder" if own in NAMES else own


def _as_size(value: Any) -> tuple[int, int] | None:
    """Return a height and a width in numbers of Python; None for None."""
    if value is None:
        return None
    sizes = value if isinstance(value, tuple | list) else ()
    if len(sizes) != 2 or not all(is_whole(n) and n > 0 for n in sizes):
        raise ConfigError(hint(f"image_size is {value}, expected (h, w)", "(28, 28)"))
    return int(sizes[0]), int(sizes[1])
