"""The IDX files of MNIST and its relatives, plain or gzip-compressed.

A file is four bytes 0, 0, type, rank, then `rank` big-endian 32-bit sizes, then the numbers, big-
endian too, of the types uint8, int8, int16, int32, float32 and float64. Rejects whatever does not
hold exactly what its header says: it reads at most one byte more. (Y. LeCun, C. Cortes, C. Burges,
"The MNIST database of handwritten digits".)
"""

import gzip
import math
import os
import re
import struct
from collections.abc import Iterable
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from xpcnn.data.files import AGAIN, LIMIT, fill, find, unpacked
from xpcnn.data.folder_tree import Name
from xpcnn.data.images import Part
from xpcnn.data.labels import check_range
from xpcnn.data.named_parts import files_in, parts_by_name
from xpcnn.errors import DataError, LabelError, counted, hint
from xpcnn.types import Shape

_DEFLATE = 1032  # times that deflate can expand data, at most
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_RANKS = {"images": 3, "labels": 1}
_IMAGES = re.compile(r"images([-.])idx3")
_EXACT = 1 << 24  # up to which float32 has every whole number


def read(folders: Iterable[Path], classes: int) -> tuple[Part, Part]:
    """Return (images, labels) of the training part and of the test part: `read_pair` of each.

    The files are those of MNIST by name, with or without `.gz`, `-idx` or `.idx`.
    """
    folders = list(folders)
    train, test = (
        read_pair(
            find(folders, _spellings(f"{part}-images", "idx3-ubyte")),
            find(folders, _spellings(f"{part}-labels", "idx1-ubyte")),
            classes,
        )
        for part in ("train", "t10k")
    )
    return train, test


def _spellings(stem: str, ending: str) -> list[str]:
    return [f"{stem}{mark}{ending}{packed}" for mark in "-." for packed in ("", ".gz")]


def images_at(path: Path) -> list[Path]:
    """Return the files of images at a path, a folder or one file, which are named as MNIST's are.

    Raises:
        DataError: the folder cannot be read.
    """
    return [file for file in files_in(path, "") if _IMAGES.search(file.name)]


def read_parts(path: Path) -> dict[Name, Part]:
    """Return the parts of the files of images at a path, by the names of the files.

    The labels of `...images-idx3...` are those of `...labels-idx1...` beside it.

    Raises:
        DataError, LabelError: as `read_pair`; or labels are missing, or a part has several files.
    """
    images = images_at(path)
    found: dict[Name, Part] = {}
    for part, file in zip(parts_by_name(path, images), images, strict=True):
        if part in found:
            message = f"{path}: {file.name} and a file before it are both the {part} part"
            raise DataError(hint(message, "a folder with the files of one data set"))
        name = _IMAGES.sub(r"labels\1idx1", file.name).removesuffix(".gz")
        both = [file.with_name(name), file.with_name(f"{name}.gz")]
        labels = next((labels for labels in both if os.path.isfile(labels)), None)
        if labels is None:
            message = f"{file}: there is no file {name} or {name}.gz beside it"
            raise DataError(hint(message, "put the file of the labels there"))
        found[part] = read_pair(file, labels)
    return found


def read_pair(images: Path, labels: Path, classes: int | None = None) -> Part:
    """Return images (n, 1, h, w) and int64 labels (n,) of two files that belong together.

    classes: the number of classes, where it is known.

    Images are uint8 where the file holds whole numbers from 0 to 255, and float32 otherwise.

    Raises:
        DataError: a file is not what it says, or the counts differ.
        LabelError: labels that are not whole numbers, or outside 0..classes-1.
    """
    x = _as_images(images, _read(images, "images"))
    y = _read(labels, "labels")
    if len(x) != len(y):
        message = (
            f"{images} holds {counted(len(x), 'image')} but {labels} holds "
            f"{counted(len(y), 'label')}"
        )
        raise LabelError(hint(message, "take both files from the same set and part"))
    if y.dtype.kind == "f" and (not (y == np.rint(y)).all() or np.abs(y).max() >= _EXACT):
        message = f"{labels}: holds labels that are not whole numbers, type {y.dtype.name}"
        raise LabelError(hint(message, "the file of the labels, a class index per image"))
    y = y.astype(np.int64)
    if classes is not None:
        check_range(y, classes, str(labels))
    return x[:, None], y


def _as_images(path: Path, x: np.ndarray) -> np.ndarray:
    if x.dtype == np.uint8 or (x.dtype.kind == "i" and x.min() >= 0 and x.max() <= 255):
        return x.astype(np.uint8, copy=False)
    if x.dtype.kind == "i" and max(abs(int(x.min())), int(x.max())) > _EXACT:
        message = f"{path}: holds whole numbers up to {x.max()}, which float32 would round"
        raise DataError(hint(message, "smaller values, such as a 256th of these"))
    with np.errstate(over="ignore"):  # infinity is rejected with the data set
        return x.astype(np.float32)


def _read(path: Path, kind: str) -> np.ndarray:
    """Return the array of one file, (n, h, w) for images and (n,) for labels."""
    with unpacked(path) as source:
        shape, dtype = _header(source, path, kind)
        size = math.prod(shape) * dtype.itemsize
        if size == 0:
            raise DataError(hint(f"{path}: holds no {kind}: its header says {shape}", AGAIN))
        expansion = _DEFLATE if isinstance(source, gzip.GzipFile) else 1
        if size > min(LIMIT, path.stat().st_size * expansion):
            message = f"{path}: its header says {shape}, {size} bytes: more than it can hold"
            raise DataError(hint(message, AGAIN))
        array = np.empty(shape, dtype)
        have = fill(source, array.view(np.uint8))
        if have < size:
            message = f"{path}: its header says {shape}, {size} bytes, but only {have} follow"
            raise DataError(hint(message, AGAIN))
        if source.read(1):
            message = f"{path}: continues after the {size} bytes of {shape} that its header says"
            raise DataError(hint(message, AGAIN))
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(source: BufferedIOBase, path: Path, kind: str) -> tuple[Shape, np.dtype]:
    """Read and check the header of a file of that kind; return the sizes in it and the dtype."""
    start = source.read(4)
    if not start:
        raise DataError(hint(f"{path}: is empty", AGAIN))
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        message = f"{path}: is not an IDX file: it begins with {start.hex()}, expected 0000, a type"
        raise DataError(hint(f"{message} from 08 to 0e and a rank", AGAIN))
    rank = start[3]
    if rank != _RANKS[kind]:
        message = f"{path}: holds an array of rank {rank}, expected {_RANKS[kind]} for {kind}"
        swapped = rank in _RANKS.values()
        advice = "swap the image and label files" if swapped else f"a file of {kind} alone"
        raise DataError(hint(message, advice))
    sizes = source.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise DataError(hint(f"{path}: ends inside its header", AGAIN))
    return struct.unpack(f">{rank}I", sizes), np.dtype(_TYPES[start[2]])
