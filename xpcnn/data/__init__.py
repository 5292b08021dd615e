"""Data sets: labelled images on the host, with the files they come from.

`load` gives the named ones, `Dataset.from_arrays` makes one of the user's own arrays, `split` sets
a validation part aside. What reads files is imported when it is used.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from xpcnn.data import digits
from xpcnn.data.dataset import Dataset
from xpcnn.data.images import Part
from xpcnn.data.split import split
from xpcnn.errors import ConfigError, DataError, hint, nearest

__all__ = ["NAMES", "Dataset", "load", "split"]

NAMES = ("digits", "mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100")


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    classes: Iterable[str | int] | None = None,
    limit: int | None = None,
    limit_per_class: int | None = None,
) -> tuple[Dataset, Dataset]:
    """Return the training part and the test part of a data set.

    `digits` is part of the package. The others are read from `data_dir` (or its folder `name`), by
    default `$XPCNN_DATA_DIR`; without either they are downloaded once into the user's cache folder.
    Both parts have the mean and std of the whole training part.

    classes: names or indices to keep in both parts; they become the labels 0, 1, ... in that order.
    limit_per_class and limit: at most so many images of each class, and in all, of the training
    part only: the first ones, after the choice of classes.

    Raises:
        ConfigError: an unknown name or class, or a limit below 1.
        DataError: a file is missing or not what it should be.
    """
    if name not in NAMES:
        raise ConfigError(hint(f"unknown data set {name!r}", nearest(name, NAMES)))
    (images, labels), (test_images, test_labels), names = _read(name, data_dir, download)
    train = Dataset.from_arrays(images, labels, names, name)
    test = Dataset(test_images, test_labels, names, name, train.mean, train.std)
    if classes is not None:
        classes = list(classes)
        test = test.select(classes=classes)
    return train.select(classes=classes, limit=limit, limit_per_class=limit_per_class), test


def _read(
    name: str, data_dir: str | os.PathLike[str] | None, download: bool
) -> tuple[Part, Part, tuple[str, ...]]:
    """Return the two parts as arrays, and the names of the classes."""
    if name == "digits":
        return *digits.read(), digits.CLASSES
    from xpcnn.data import catalog, cifar, idx

    entry = catalog.ENTRIES[name]
    folders = _folders(name, data_dir, download)
    if entry.layout is not None:
        return *cifar.read(folders, entry.layout), entry.classes
    return *idx.read(folders, len(entry.classes)), entry.classes


def _folders(
    name: str, data_dir: str | os.PathLike[str] | None, download: bool
) -> tuple[Path, ...]:
    """Return where the files of a data set are, once they are there."""
    data_dir = data_dir or os.environ.get("XPCNN_DATA_DIR")
    if data_dir:
        folder = Path(data_dir).expanduser()
        if not folder.is_dir():
            raise DataError(hint(f"{folder}: there is no such folder", "check --data-dir"))
        return folder / name, folder
    from xpcnn.data import catalog
    from xpcnn.data.download import cache_folder, fetch

    folder = cache_folder(name)
    if download:
        entry = catalog.ENTRIES[name]
        fetch(entry.files, entry.mirrors, folder)
    return (folder,)
