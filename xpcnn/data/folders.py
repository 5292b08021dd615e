"""A folder of pictures by class: `root/CLASS/*`, or `root/train/CLASS/*` and `root/test/CLASS/*`.

Names of classes are those of the folders, in order (by number, where all are numbers). The pictures
of the classes come in turn, so that the first ones are of all classes. Grey where no picture of the
whole set has a colour, and RGB otherwise.
Refuses a single class, and files that are no pictures (hidden ones are passed over).
"""

from collections.abc import Iterable
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from xpcnn.data.images import Part
from xpcnn.data.picture_sets import PictureSet, read_alike, read_set
from xpcnn.data.reading import Reading
from xpcnn.errors import DataError, LabelError, hint, nearest

Size = tuple[int, int]  # (h, w)

_FORM = "a folder for each class with its pictures: cat/1.png, dog/1.png"

Files = dict[str, list[Path]]
"""Names of classes, and the pictures of each."""


def read(
    root: Path, image_size: Size | None = None, reading: Reading | None = None
) -> tuple[Part, Part | None, tuple[str, ...], PictureSet]:
    """Return (images, labels) of the training part, of the test part, the names of classes, and
    how all the pictures were read.

    images: (n, c, h, w); labels: int64 (n,). The test part is None where root has no folders
    `train` and `test`. image_size: (h, w) of the images; see `picture_sets.read_set`.
    reading: how a model's samples were read, to read all pictures that way; they may then be of
    one class only.

    Raises:
        DataError: names the folder or the file and what is wrong with it.
        LabelError: the test part has a class that the training part lacks.
    """
    if (root / "test").is_dir() and not (root / "train").is_dir():
        message = f"{root}: has a folder test, but no folder train"
        raise DataError(hint(message, "train/cat/1.png, test/cat/1.png"))
    divided = (root / "train").is_dir()
    train = _by_class(root / "train" if divided else root)
    test: Files = {}
    if divided and (root / "test").is_dir():
        test = _by_class(root / "test")
    if len(train) == 1 and reading is None:
        message = f"{root}: holds pictures of one class only, {next(iter(train))!r}"
        raise DataError(hint(message, _FORM))
    for name in test:
        if name not in train:
            message = f"{root / 'test' / name}: there is no such class in {root / 'train'}"
            raise LabelError(hint(message, nearest(name, train)))
    numbered = all(name.isascii() and name.isdigit() for name in train)
    classes = tuple(sorted(train, key=int if numbered else None))
    ours, theirs = _in_turn(train, classes), _in_turn(test, classes)
    paths = [path for path, _ in ours + theirs]
    found = read_set(paths, image_size) if reading is None else read_alike(paths, reading)
    if found.damaged:
        raise found.damaged[0]
    images = found.images
    labels = np.array([label for _, label in ours + theirs], np.int64)
    n = len(ours)
    return (images[:n], labels[:n]), (images[n:], labels[n:]) if theirs else None, classes, found


def _by_class(folder: Path) -> Files:
    """Return the pictures in each folder of a folder, in order; files beside them do not count."""
    found: Files = {}
    for place in _entries(folder):
        if not place.is_dir():
            continue
        found[place.name] = _entries(place)
        for path in found[place.name]:
            if not path.is_file():
                message = f"{path}: is no file, and a picture is expected here"
                advice = f"{_FORM}; the parts, if there are two, are called train and test"
                raise DataError(hint(message, advice))
        if not found[place.name]:
            message = f"{place}: holds no pictures"
            raise DataError(hint(message, "put pictures of this class there, or remove it"))
    if not found:
        raise DataError(hint(f"{folder}: holds no folders, one for each class", _FORM))
    return found


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder and not hidden, by name."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        message = f"{folder}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error


def _in_turn(files: Files, classes: Iterable[str]) -> list[tuple[Path, int]]:
    """Return pictures with their labels: the first of each class, then the second of each."""
    columns = [[(path, i) for path in files.get(name, [])] for i, name in enumerate(classes)]
    return [pair for pair in chain.from_iterable(zip_longest(*columns)) if pair is not None]
