"""NumPy's .npz files with images and labels, under the names that are in use.

`images` and `labels` are the training part, or `train_images` and `train_labels` as in MedMNIST, or
`x_train` and `y_train` as in Keras; the validation and the test part are named alike; `classes` are
the names of the labels, which may be text themselves; what else is in the file is left alone.
Rejects Python objects, which are pickled, and arrays that are not as long as their headers say: a
size is checked before memory is taken for it, and what is compressed expands to at most
`files.LIMIT`.
"""

import math
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from xpcnn.data.files import AGAIN, LIMIT, fill, open_regular
from xpcnn.data.images import Part, channels_last, check_images
from xpcnn.data.labels import MOST_CLASSES, as_indices, relabelled
from xpcnn.data.npy_header import array_header
from xpcnn.data.stored import STREAM_FROM, Images, Mapped, is_mapped
from xpcnn.errors import DataError, LabelError, hint, nearest
from xpcnn.types import Shape

_DEFLATE = 1032  # times that deflate can expand data, at most
_REASON = 200  # characters
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError)
_FORM = "numpy.savez(path, images=images, labels=labels)"
_LAYOUTS = (
    (("images", "labels"), ("val_images", "val_labels"), ("test_images", "test_labels")),
    (
        ("train_images", "train_labels"),
        ("val_images", "val_labels"),
        ("test_images", "test_labels"),
    ),
    (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),
)
"""Names of images and labels: of the training, the validation and the test part."""


class Contents(NamedTuple):
    """(images, labels) of each part and the names of the classes, None where the file has none;
    notes: how arrays were turned into images (n, c, h, w), in sentences.
    """

    train: Part
    validation: Part | None
    test: Part | None
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]


def read(path: Path, stream: bool | None = None) -> Contents:
    """Return the parts that a file holds.

    images: uint8 or float32 (n, c, h, w), in the file also float64, which is rounded, and (n, h,
    w), which is grey, or channels-last (n, h, w, c), where nothing else is possible. labels: int64
    (n,), in the file also (n, 1), and text; without `classes`, the different texts of the training
    part are the classes, in order (by number, where all are numbers).

    stream: whether images stay in the file, which has to be uncompressed; None decides by size.

    Raises:
        DataError, LabelError, ShapeError, DTypeError: names the file and what is wrong in it.
    """
    with _opened(path) as archive:
        held = {_name(info) for info in archive.infolist()}
        layouts = [names for names in _LAYOUTS if held & set(names[0])]
        if len(layouts) > 1:
            listing = " or ".join(names[0][0] for names in layouts)
            message = f"{path}: the training images may be the array {listing}"
            raise DataError(hint(message, "a file with one of them"))
        train, *others = layouts[0] if layouts else _LAYOUTS[0]
        notes: list[str] = []

        def part(pair: tuple[str, str]) -> _Arrays:
            return _part(path, archive, pair, notes, stream)

        ours = part(train)
        parts = [part(pair) if held & set(pair) else None for pair in others]
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
            _as_pair(ours, classes), validation, test, classes, tuple(dict.fromkeys(notes))
        )


class _Arrays(NamedTuple):
    """A part as it stands in the file. names: what the labels count, where they are text."""

    where: str
    images: Images
    labels: np.ndarray
    names: tuple[str, ...] | None


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
) -> _Arrays:
    """Return the images and labels of the two arrays of these names."""
    where = str(path) if names in [layout[0] for layout in _LAYOUTS] else f"{path}: {names[0]}"
    images: Images = _array(path, archive, names[0], stream)
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
    labels = _array(path, archive, names[1])
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    several = labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biuf"
    if several and (labels.sum(axis=1) != 1).any():
        message = f"{where}: {names[1]} {labels.shape} have several classes for an image, or none"
        raise LabelError(hint(message, "one class for each image"))
    texts = None
    if labels.dtype.kind == "U":
        texts, labels = _counted(labels, f"{path}: {names[1]}")
    if not isinstance(images, Mapped):
        images = np.ascontiguousarray(images)
    return _Arrays(where, images, as_indices(labels, len(images), where), texts)


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
    names = _array(path, archive, "classes")
    if names.dtype.kind != "U" or names.ndim != 1 or not len(names):
        message = f"{path}: classes must be a row of names, got {names.dtype} {names.shape}"
        raise DataError(hint(message, 'classes=numpy.array(["cat", "dog"])'))
    _check_characters(names, f"{path}: classes")
    found = tuple(map(str, names))
    if len(set(found)) < len(found):
        raise DataError(hint(f"{path}: classes has a name twice", "a name for each label"))
    return found


def _array(
    path: Path, archive: zipfile.ZipFile, name: str, stream: bool | None = False
) -> np.ndarray:
    """Return one array, its length checked before and after it is read.

    stream: whether it is mapped into memory, in place of being read; None for those that are large.
    """
    entries = {_name(info): info for info in archive.infolist()}
    if name not in entries:
        listing = ", ".join(sorted(entries))[:200] or "none"
        message = f"{path}: has no array {name!r}; those in it: {listing}"
        raise DataError(hint(message, _FORM))
    info, where = entries[name], f"{path}: {name}"
    expansion = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE}.get(info.compress_type, 0)
    if not expansion or info.flag_bits & 1:
        raise DataError(hint(f"{where} is encrypted, or packed as NumPy never does", _FORM))
    with archive.open(info) as member:
        source = cast(BufferedIOBase, member)
        shape, fortran, dtype = array_header(where, source)
        size = math.prod(shape) * dtype.itemsize
        what = f"{where}: its header says {dtype} {shape}, {size} bytes"
        if size > min(info.compress_size, path.stat().st_size) * expansion:
            raise DataError(hint(f"{what}: more than it can hold", AGAIN))
        if expansion > 1 and size > LIMIT:
            message = f"{what}: more than the {LIMIT} that compressed data may expand to"
            raise DataError(
                hint(message, "numpy.savez instead of savez_compressed, if you trust it")
            )
        if stream or (stream is None and size > STREAM_FROM):
            return _mapped(path, archive, info, member.tell(), (shape, fortran, dtype), what)
        raw = np.empty(size, np.uint8)
        have = fill(source, raw) if size else 0
        if have < size:
            raise DataError(hint(f"{what}, but only {have} follow", AGAIN))
        if source.read(1):
            raise DataError(hint(f"{what}, but more follow", AGAIN))
    try:
        array = raw.view(dtype).reshape(shape, order="F" if fortran else "C")
    except ValueError as error:  # no elements in 99 dimensions
        raise DataError(hint(f"{where} is not an array of numbers or names", _FORM)) from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _mapped(
    path: Path,
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    header: int,
    kind: tuple[Shape, bool, np.dtype],
    what: str,
) -> np.ndarray:
    """Return an array where it lies in the file, mapped into memory.

    header: bytes of the array's own header; kind: its shape, order and dtype.
    """
    if info.compress_type != zipfile.ZIP_STORED:
        message = f"{what}, and is compressed, so that it cannot be read where it lies"
        raise DataError(hint(message, "numpy.savez in place of savez_compressed, or --stream no"))
    shape, fortran, dtype = kind
    size = math.prod(shape) * dtype.itemsize
    if header + size != info.file_size:
        raise DataError(hint(f"{what}, but {info.file_size - header} follow", AGAIN))
    file = archive.fp
    assert file is not None
    file.seek(info.header_offset + 26)  # ZIP: the local header has 30 bytes, a name, and extras
    lengths = file.read(4)
    name, extra = (int.from_bytes(lengths[i : i + 2], "little") for i in (0, 2))
    start = info.header_offset + 30 + name + extra + header
    if size == 0 or start + size > path.stat().st_size:
        raise DataError(hint(f"{what}: more than follow", AGAIN))
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except _DAMAGE as error:
        reason = str(error)[:_REASON]  # some quote all that is in the file
        raise DataError(hint(f"{path}: is damaged, or not a .npz file: {reason}", AGAIN)) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error
