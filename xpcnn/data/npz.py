"""NumPy's .npz files with images and labels, under the names that are in use.

`images` and `labels` are the training part, or `train_images` and `train_labels` as in MedMNIST, or
`x_train` and `y_train` as in Keras; the validation and the test part are named alike; `classes` are
the names of the labels; what else is in the file is left alone. Refuses Python objects, which are
pickled, and arrays that are not as long as their headers say: a size is checked before memory is
taken for it, and what is compressed expands to at most `files.LIMIT`.
"""

import math
import re
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
from xpcnn.data.labels import as_indices
from xpcnn.errors import DataError, LabelError, hint
from xpcnn.types import Shape

_DEFLATE = 1032  # deflate expands at most so many times
_REASON = 200  # characters
_HEADER = 1 << 12  # bytes of the header of an array at most; those of numbers have about 100
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


def read(path: Path) -> Contents:
    """Return the parts that a file holds.

    images: uint8 or float32 (n, c, h, w), in the file also (n, h, w), which is grey, or channels-
    last (n, h, w, c), where nothing else is possible; labels: int64 (n,), in the file also (n, 1).

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
        parts: list[Part | None] = [_part(path, archive, train, notes)]
        for pair in others:
            parts.append(_part(path, archive, pair, notes) if held & set(pair) else None)
        ours, validation, test = parts
        assert ours is not None
        classes = _classes(path, archive) if "classes" in held else None
        return Contents(ours, validation, test, classes, tuple(dict.fromkeys(notes)))


def _part(path: Path, archive: zipfile.ZipFile, names: tuple[str, str], notes: list[str]) -> Part:
    """Return the images and labels of the two arrays of these names."""
    where = str(path) if names in [layout[0] for layout in _LAYOUTS] else f"{path}: {names[0]}"
    images = _array(path, archive, names[0])
    if images.ndim == 3:
        images = images[:, None]  # grey
    elif images.ndim == 4 and channels_last(images.shape):
        notes.append(f"{path}: images {images.shape} are taken for channels-last, (n, h, w, c)")
        images = images.transpose(0, 3, 1, 2)
    check_images(images, where)
    labels = _array(path, archive, names[1])
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    several = labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biuf"
    if several and (labels.sum(axis=1) != 1).any():
        message = f"{where}: {names[1]} {labels.shape} have several classes for an image, or none"
        raise LabelError(hint(message, "one class for each image"))
    return np.ascontiguousarray(images), as_indices(labels, len(images), where)


def _classes(path: Path, archive: zipfile.ZipFile) -> tuple[str, ...]:
    names = _array(path, archive, "classes")
    if names.dtype.kind != "U" or names.ndim != 1 or not len(names):
        message = f"{path}: classes must be a row of names, got {names.dtype} {names.shape}"
        raise DataError(hint(message, 'classes=numpy.array(["cat", "dog"])'))
    points = names.view(np.uint32)  # Python ends with a SystemError where there is no such one
    if ((points > sys.maxunicode) | ((points >= 0xD800) & (points < 0xE000))).any():
        message = f"{path}: classes has a name with characters that do not exist"
        raise DataError(hint(message, AGAIN))
    found = tuple(map(str, names))
    if len(set(found)) < len(found):
        raise DataError(hint(f"{path}: classes has a name twice", "a name for each label"))
    return found


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Return one array, its length checked before and after it is read."""
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
        shape, fortran, dtype = _header(where, source)
        size = math.prod(shape) * dtype.itemsize
        what = f"{where}: its header says {dtype} {shape}, {size} bytes"
        if size > min(info.compress_size, path.stat().st_size) * expansion:
            raise DataError(hint(f"{what}: more than it can hold", AGAIN))
        if expansion > 1 and size > LIMIT:
            message = f"{what}: more than the {LIMIT} that compressed data may expand to"
            raise DataError(
                hint(message, "numpy.savez instead of savez_compressed, if you trust it")
            )
        raw = np.empty(size, np.uint8)
        have = fill(source, raw) if size else 0
        if have < size:
            raise DataError(hint(f"{what}, but only {have} follow", AGAIN))
        if source.read(1):
            raise DataError(hint(f"{what}, but more follow", AGAIN))
    try:
        array = raw.view(dtype).reshape(shape, order="F" if fortran else "C")
    except ValueError as error:  # no elements in 99 dimensions
        raise DataError(hint(f"{where} is no array of numbers or names", _FORM)) from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(where: str, source: BufferedIOBase) -> tuple[Shape, bool, np.dtype]:
    """Return shape, order and dtype of an array in NumPy's .npy format, without evaluating them."""
    start = source.read(8)
    width = {b"\x01": 2, b"\x02": 4, b"\x03": 4}.get(start[6:7], 0)  # by version
    if start[:6] != b"\x93NUMPY" or not width:
        raise DataError(hint(f"{where} is no array in NumPy's format", _FORM))
    length = int.from_bytes(source.read(width), "little")
    text = source.read(length).decode("latin-1") if length <= _HEADER else ""
    kind = re.search(r"'descr': *'([<>|=]?[a-zA-Z][0-9]*)'", text)
    order = re.search(r"'fortran_order': *(True|False)", text)
    sizes = re.search(r"'shape': *\(((?: *[0-9]{1,18},)* *(?:[0-9]{1,18})?)\)", text)
    if kind and kind[1].endswith("O"):
        message = f"{where} holds Python objects, which are pickled, and a pickle can run any code"
        raise DataError(hint(message, f"{_FORM} with arrays of numbers"))
    if not kind or kind[1].lstrip("<>|=")[0] not in "biufU" or not order or not sizes:
        raise DataError(hint(f"{where} is no array of numbers or names", _FORM))
    try:
        dtype = np.dtype(kind[1])
    except (TypeError, ValueError) as error:
        raise DataError(hint(f"{where} has no dtype that NumPy knows", _FORM)) from error
    if dtype.itemsize == 0:
        raise DataError(hint(f"{where} is no array of numbers or names", _FORM))
    shape = tuple(int(size) for size in sizes[1].split(",") if size.strip())
    return shape, order[1] == "True", dtype


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except _DAMAGE as error:
        reason = str(error)[:_REASON]  # some quote all that is in the file
        raise DataError(hint(f"{path}: is damaged, or no .npz file: {reason}", AGAIN)) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise DataError(hint(message, "check the path and who may read it")) from error
