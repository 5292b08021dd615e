"""Data sets: labelled images on the host, with the files they come from.

`load` gives the named ones, `Dataset.from_arrays` makes one of the user's own arrays, `split` sets a
validation part aside. What reads files is imported when it is used.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from xpcnn.data.dataset import Dataset
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
    limit_per_class and limit: at most so many images of each class, and in all, of the training part
    only: the first ones, after the choice of classes.

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
