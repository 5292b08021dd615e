"""Data sets: labelled images on the host, with the files they come from.

`load` returns the parts of a named data set or of a path, `load_whole` all of a path;
`Dataset.from_arrays` and `from_batches` make one of the user's own arrays, `split` sets a
validation part aside, `preflight` says what is likely wrong. What reads files is imported when it
is used.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from xpcnn.data import augment, digits
from xpcnn.data.batches import from_batches
from xpcnn.data.dataset import Dataset
from xpcnn.data.images import Part
from xpcnn.data.preflight import Finding, preflight
from xpcnn.data.reading import Pictures, Reading
from xpcnn.data.split import split
from xpcnn.errors import ConfigError, DataError, hint, nearest

__all__ = [
    "NAMES",
    "Dataset",
    "Finding",
    "augment",
    "from_batches",
    "is_path",
    "load",
    "load_whole",
    "preflight",
    "split",
]

NAMES = ("digits", "mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100")


def load(
    name: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    classes: Iterable[str | int] | None = None,
    limit: int | None = None,
    limit_per_class: int | None = None,
    image_size: tuple[int, int] | None = None,
    label_column: str | int | None = None,
    reading: Reading | None = None,
) -> tuple[Dataset, Dataset]:
    """Return the training part and the test part of a data set.

    `digits` is part of the package. The others with a name are read from `data_dir` (or its folder
    `name`), by default `$XPCNN_DATA_DIR`; without either they are downloaded once into the user's
    cache folder. All else is a path, with `./` before a folder that has the name of a data set:

    - a CSV file with a label and the pixels of an image in each row, or a folder with `train.csv`
      (and `test.csv`, the test part if it has labels);
    - a folder of pictures, `CLASS/*`, or `train/CLASS/*` and `test/CLASS/*` (needs Pillow);
    - a .npz file with `images` and `labels`, perhaps `test_images`, `test_labels` and `classes`.

    Where a path holds no test part, a fifth of the images, chosen by a hash of their pixels, is it.
    Both parts have the mean and std of the whole training part.

    classes: names or indices to keep in both parts; they become the labels 0, 1, ... in that order.
    limit_per_class and limit: at most so many images of each class, and in all, of the training
    part only: the first ones, after the choice of classes.
    image_size: (h, w). Images of a CSV file have it, square or not; pictures of a folder are
    brought to it, their proportions kept.
    label_column: the column of a CSV file that holds the labels, by its name or its number, counted
    from 1 (-1 is the last); needed where the file does not tell.
    reading: `model.reading` of a model, to read the pictures of a folder as its own were.

    Raises:
        ConfigError: an unknown name or class, a limit below 1, an image_size or a label_column that
            has no use or is not there.
        DataError: a file is missing or not what it should be.
    """
    if image_size is not None and not _is_size(image_size):
        raise ConfigError(hint(f"image_size is {image_size}, expected (h, w)", "(28, 28)"))
    if is_path(name):
        from xpcnn.data import paths

        path = Path(name).expanduser()
        train, test = paths.load(path, _own_name(path), image_size, label_column, reading)
    elif name not in NAMES:
        raise ConfigError(hint(f"unknown data set {name!r}", nearest(str(name), NAMES)))
    elif label_column is not None:
        message = f"label_column is given, but {name} is no CSV file"
        raise ConfigError(hint(message, "leave --label-column (label_column) out"))
    elif image_size is not None:
        message = f"image_size is given, but the images of {name!r} have their size"
        raise ConfigError(hint(message, "leave --image-size (image_size) out"))
    else:
        train, test = _load_named(str(name), data_dir, download)
    if classes is not None:
        classes = list(classes)
        test = test.select(classes=classes)
    return train.select(classes=classes, limit=limit, limit_per_class=limit_per_class), test


def load_whole(
    path: str | os.PathLike[str],
    *,
    image_size: tuple[int, int] | None = None,
    label_column: str | int | None = None,
    reading: Reading | None = None,
    classes: Sequence[str] | None = None,
) -> Dataset:
    """Return all images of a file or folder, as one data set: those of a file in its order.

    It is what a model that was trained on other data is evaluated on:

        test = load_whole("mine/", reading=model.reading, classes=model.classes)

    path, image_size, label_column: see `load`. reading: how the model's samples were read, to read
    pictures of a folder the same way. classes: the model's, for labels without names. They are
    names themselves where `classes` has all of them, such as "7", and otherwise count the classes
    from 0.

    Raises:
        ConfigError: an image_size or a label_column that has no use or is not there.
        DataError: a file is missing or not what it should be.
    """
    from xpcnn.data import paths

    if image_size is not None and not _is_size(image_size):
        raise ConfigError(hint(f"image_size is {image_size}, expected (h, w)", "(28, 28)"))
    path = Path(path).expanduser()
    names = None if classes is None else tuple(classes)
    return paths.whole(path, _own_name(path), image_size, label_column, reading, names)


def is_path(name: str | os.PathLike[str]) -> bool:
    """Tell whether `load` takes this for a path: no name of a data set, and it looks like one."""
    if not isinstance(name, str):
        return True
    if name in NAMES:
        return False
    path = Path(name)
    written = path.suffix.lower() in (".csv", ".npz") or any(s in name for s in (os.sep, "/"))
    return written or path.exists()


def _own_name(path: Path) -> str:
    """Return the name of the data set at a path."""
    own = Path(os.path.abspath(path)).name or "root"
    return f"{own}-folder" if own in NAMES else own


def _is_size(value: object) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(isinstance(length, int) and length > 0 for length in value)
    )


def _load_named(
    name: str, data_dir: str | os.PathLike[str] | None, download: bool
) -> tuple[Dataset, Dataset]:
    (images, labels), (test_images, test_labels), names = _read(name, data_dir, download)
    colour = images.shape[1] == 3  # pictures of 8 bits; the grey ones are drawings
    reading = Pictures("RGB", (images.shape[2], images.shape[3])) if colour else None
    train = Dataset.from_arrays(images, labels, names, name, reading)
    return train, replace(train, images=test_images, labels=test_labels)


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
