"""The data sets that have a name: where their files are, and how they become two parts.

What reads files is imported when it is used.
"""

import os
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from xpcnn.data import digits
from xpcnn.data.dataset import Dataset
from xpcnn.data.files import PathLike, shown, user_path
from xpcnn.data.images import Part
from xpcnn.data.reading import Pictures
from xpcnn.errors import ConfigError, DataError, hint, nearest

NAMES = ("digits", "mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100")

_TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
"""The folder in which torchvision keeps the files of a data set, in `raw`."""


def known(name: str) -> str | None:
    """Return the data set that a name stands for, whatever its case and hyphens, or None.

    Raises:
        ConfigError: the name is spelled in another way, and a file or folder has it.
    """
    plain = name.casefold().replace("-", "").replace("_", "")
    found = next((each for each in NAMES if each.replace("-", "") == plain), None)
    if found is not None and found != name and os.path.exists(name):
        message = f"{name!r} may be the data set {found} or the path {name}"
        raise ConfigError(hint(message, f"{found}, or ./{name}"))
    return found


def named(name: str, data_dir: PathLike | None, download: bool) -> tuple[Dataset, Dataset]:
    """Return the training and the test part of a data set with a name.

    Arguments and errors as in `loading.load`.
    """
    found = known(name)
    if found is None:
        there = {path.casefold(): path for path in os.listdir()}
        close = get_close_matches(name.casefold(), there, n=1, cutoff=0.8)
        path = (
            f"the path {there[close[0]]!r}"
            if close
            else "the path of a file or folder that is there"
        )
        advice = f"{nearest(name, NAMES)}; or {path}"
        raise ConfigError(hint(f"unknown data set {shown(name)!r}", advice))
    (images, labels), (test_images, test_labels), names = _read(found, data_dir, download)
    colour = images.shape[1] == 3  # pictures of 8 bits; the grey ones are drawings
    reading = Pictures("RGB", (images.shape[2], images.shape[3])) if colour else None
    train = Dataset.from_arrays(images, labels, names, found, reading)
    return train, replace(train, images=test_images, labels=test_labels)


def _read(
    name: str, data_dir: PathLike | None, download: bool
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


def _folders(name: str, data_dir: PathLike | None, download: bool) -> tuple[Path, ...]:
    """Return where the files of a data set are, once they are there."""
    data_dir = data_dir or os.environ.get("XPCNN_DATA_DIR")
    if data_dir:
        folder = user_path(data_dir)
        if not os.path.isdir(folder):
            raise DataError(hint(f"{shown(folder)}: there is no such folder", "check --data-dir"))
        if (theirs := _TORCHVISION.get(name)) is None:
            return folder / name, folder
        inside = folder if folder.name.casefold() == theirs.casefold() else folder / theirs
        return folder / name, folder, inside / "raw"
    from xpcnn.data import catalog
    from xpcnn.data.download import cache_folder, fetch

    folder = cache_folder(name)
    if download:
        entry = catalog.ENTRIES[name]
        fetch(entry.files, entry.mirrors, folder)
    return (folder,)
