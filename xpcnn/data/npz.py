"""NumPy's .npz files with images and labels, under the names that are in use.

`images` and `labels` are the training part, or `train_images` and `train_labels` as in MedMNIST,
`x_train` and `y_train` as in Keras, or `X` and `y`; the validation and the test part are named
alike; `classes` are the names of the labels, which may be text themselves; what else is in the file
is left alone.
Labels (n, k) of 0 and 1 are several labels for each image, and any numbers (n,) or (n, k) are those
of a regression where the task says so; `classes` then names the columns.
`npz_archive` reads the arrays, and rejects damaged ones.
"""

import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xpcnn.data.contents import Contents
from xpcnn.data.files import AGAIN
from xpcnn.data.images import Part, channels_last, check_images
from xpcnn.data.labels import MOST_CLASSES, as_indices, as_names, as_targets, relabelled
from xpcnn.data.npz_archive import entries, opened, read_array
from xpcnn.data.stored import Images, Mapped, is_mapped
from xpcnn.errors import DataError, LabelError, hint, nearest
from xpcnn.types import TaskName

_LAYOUTS = (
    (("images", "labels"), ("val_images", "val_labels"), ("test_images", "test_labels")),
    (
        ("train_images", "train_labels"),
        ("val_images", "val_labels"),
        ("test_images", "test_labels"),
    ),
    (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),
)
"""Names of images and labels, in any case: of the training, the validation and the test part."""

_SHORT = (("x", "y"), ("x_val", "y_val"), ("x_test", "y_test"))
"""What these names mean where there are none of the others."""


def read(path: Path, stream: bool | None = None, task: TaskName | None = None) -> Contents:
    """Return the parts that a file holds.

    images: uint8 or float32 (n, c, h, w), in the file also float64, which is rounded, and (n, h,
    w), which is grey, or channels-last (n, h, w, c), where nothing else is possible. labels: int64
    (n,), in the file also (n, 1), and text; without `classes`, the different texts of the training
    part are the classes, in order (by number, where all are numbers). Targets: float64 (n, k).
    Notes say in sentences how arrays were turned into images.

    task: what the labels are; None takes rows of 0 and 1 for several labels, and refuses rows that
    may mean something else: of other numbers, or with exactly one 1 each.
    stream: whether images stay in the file, which has to be uncompressed; None decides by size.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: names the file and what is wrong in it.
    """
    with opened(path) as archive:
        held = {name.casefold(): name for name in sorted(entries(archive))}  # X, then x
        layouts = [names for names in _LAYOUTS if held.keys() & set(names[0])]
        if len(layouts) > 1:
            listing = " or ".join(names[0][0] for names in layouts)
            message = f"{path}: the training images may be the array {listing}"
            raise DataError(hint(message, "a file with one of them"))
        train, *others = layouts[0] if layouts else _SHORT if "x" in held else _LAYOUTS[0]
        notes: list[str] = []

        def part(pair: tuple[str, str], task: TaskName | None) -> _Arrays:
            as_held = held.get(pair[0], pair[0]), held.get(pair[1], pair[1])
            return _part(path, archive, as_held, notes, stream, task)

        ours = part(train, task)
        parts = [part(pair, ours.task) if held.keys() & set(pair) else None for pair in others]
        texts = {each.names is not None for each in (ours, *parts) if each is not None}
        if len(texts) > 1 and "classes" not in held:
            message = f"{path}: labels are text in one part and numbers in another"
            raise LabelError(hint(message, "numbers or text in all parts, or an array classes"))
        classes = _classes(path, archive) if "classes" in held else ours.names
        if unknown := [name for name in ours.names or () if name not in (classes or ())]:
            message = f"{path}: the array classes has no {unknown[0][:40]!r}, which is a label"
            raise LabelError(hint(message, nearest(unknown[0], classes or ())))
        validation, test = (None if one is None else _as_pair(one, classes) for one in parts)
        return Contents(
            *(_as_pair(ours, classes), validation, test, classes),
            notes=tuple(dict.fromkeys(notes)),
            task=ours.task,
        )


def unlabelled(path: Path) -> tuple[Images, tuple[str, ...]] | None:
    """Return the only array of a file, as images (n, c, h, w), and how it was turned into them, in
    sentences; None if the file holds more arrays.

    Raises:
        DataError, ShapeError, DTypeError: names the file and what is wrong in it.
    """
    with opened(path) as archive:
        names = list(entries(archive))
        if len(names) != 1:
            return None
        notes: list[str] = []
        return _images(path, archive, names[0], str(path), notes, None), tuple(notes)


class _Arrays(NamedTuple):
    """A part as it stands in the file. names: what the labels count, where they are text; task:
    what the labels are.
    """

    where: str
    images: Images
    labels: np.ndarray
    names: tuple[str, ...] | None
    task: TaskName = "classification"


def _as_pair(part: _Arrays, classes: tuple[str, ...] | None) -> Part:
    """Return the images of a part, and its labels as indices of `classes`."""
    if part.names is None:
        return part.images, part.labels
    return part.images, relabelled(part.labels, part.names, classes, part.where)


def _part(
    path: Path,
    archive: zipfile.ZipFile,
    names: tuple[str, str],
    notes: list[str],
    stream: bool | None,
    task: TaskName | None,
) -> _Arrays:
    """Return the images and labels of the two arrays of these names."""
    is_train = names[0].casefold() in {layout[0][0] for layout in (*_LAYOUTS, _SHORT)}
    where = str(path) if is_train else f"{path}: {names[0]}"
    images = _images(path, archive, names[0], where, notes, stream)
    labels = read_array(path, archive, names[1])
    task = task or _task_of(labels, f"{where}: {names[1]} {labels.shape}")
    if task != "classification":
        targets = as_targets(labels, len(images), None, task, where)
        return _Arrays(where, images, targets, None, task)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 1 and labels.dtype.kind == "f" and (labels % 1 != 0).any():
        message = f"{where}: {names[1]} has numbers with fractions, which are no classes"
        raise LabelError(hint(message, "--task regression (task='regression'), for numbers"))
    texts = None
    if labels.dtype.kind == "U":
        texts, labels = _counted(labels, f"{path}: {names[1]}")
    return _Arrays(where, images, as_indices(labels, len(images), where), texts)


def _images(
    path: Path,
    archive: zipfile.ZipFile,
    name: str,
    where: str,
    notes: list[str],
    stream: bool | None,
) -> Images:
    """Return the images of the array of this name, as (n, c, h, w)."""
    images: Images = read_array(path, archive, name, stream)
    if images.ndim == 3:
        images = images[:, None]  # grey
    elif images.ndim == 4 and channels_last(images.shape):
        notes.append(f"{path}: images {images.shape} are taken for channels-last, (n, h, w, c)")
        images = images.transpose(0, 3, 1, 2)
    if is_mapped(images) and images.ndim == 4:
        images = Mapped(images)
    elif images.dtype == np.float64:
        with np.errstate(over="ignore"):  # rejected as infinite
            images = images.astype(np.float32)
    check_images(images, where)
    if not isinstance(images, Mapped):
        images = np.ascontiguousarray(images)
    return images


def _task_of(labels: np.ndarray, where: str) -> TaskName:
    """Return what labels are where nobody says it.

    Raises:
        LabelError: they may be more than one thing; says which.
    """
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind not in "biuf":
        return "classification"
    if not np.isin(labels, (0, 1)).all():
        message = f"{where} have several numbers for each image, not all of them 0 or 1"
        advice = "--task regression (task='regression') for numbers; for classes one index for each"
        raise LabelError(hint(message, f"{advice} image, such as labels.argmax(axis=1)"))
    if (labels.sum(axis=1) == 1).all():
        message = f"{where} have exactly one 1 for each image: classes, or labels with one each"
        advice = "labels.argmax(axis=1) for classes; --task multi-label (task='multi-label') for"
        raise LabelError(hint(message, f"{advice} labels that images may have at once"))
    return "multi-label"


def _counted(labels: np.ndarray, where: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the different texts in order, and for each label the index of its text."""
    _check_characters(labels, where)
    found, indices = np.unique(labels, return_inverse=True)
    names = list(map(str, found))
    if "" in names:
        message = f"{where} has an empty text as a label"
        raise LabelError(hint(message, "a label for each image"))
    if len(names) > MOST_CLASSES:
        message = f"{where} has {len(names)} different texts"
        raise LabelError(
            hint(message, "the classes as labels, the same text for each image of one")
        )
    if all(name.isascii() and name.isdigit() and len(name) <= 18 for name in names):
        order = sorted(range(len(names)), key=lambda i: int(names[i]))
        names, indices = [names[i] for i in order], np.argsort(order)[indices]
    return tuple(names), indices


def _check_characters(texts: np.ndarray, where: str) -> None:
    """Reject text of which Python cannot make a str: it would end with a SystemError."""
    points = np.ascontiguousarray(texts).view(np.uint32)
    if ((points > sys.maxunicode) | ((points >= 0xD800) & (points < 0xE000))).any():
        message = f"{where} has a name with characters that do not exist"
        raise DataError(hint(message, AGAIN))


def _classes(path: Path, archive: zipfile.ZipFile) -> tuple[str, ...]:
    names = read_array(path, archive, "classes")
    if names.dtype.kind != "U" or names.ndim != 1 or not len(names):
        message = f"{path}: classes must be a row of names, got {names.dtype} {names.shape}"
        raise DataError(hint(message, 'classes=numpy.array(["cat", "dog"])'))
    _check_characters(names, f"{path}: classes")
    return as_names(names, str(path))
