"""The IDX files of MNIST and its relatives, plain or gzip-compressed.

A file is four bytes 0, 0, type, rank, then `rank` big-endian 32-bit sizes, then the bytes. Refuses
every other type than uint8, and whatever does not hold exactly what its header says: it reads at
most one byte more. (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".)
"""

import math
import struct
from collections.abc import Iterable
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from xpcnn.data.files import AGAIN, LIMIT, fill, find, unpacked
from xpcnn.data.images import Part
from xpcnn.data.labels import check_range
from xpcnn.errors import DataError, LabelError, hint
from xpcnn.types import Shape

_DEFLATE = 1032  # deflate expands at most so many times
_MAGIC = {"images": b"\0\0\x08\x03", "labels": b"\0\0\x08\x01"}  # uint8, of rank 3 and 1


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


def read_pair(images: Path, labels: Path, classes: int) -> Part:
    """Return uint8 images (n, 1, h, w) and int64 labels (n,) of two files that belong together.

    Raises:
        DataError: a file is not what it says, or the counts differ.
        LabelError: labels outside 0..classes-1.
    """
    x = _read(images, "images")
    y = _read(labels, "labels").astype(np.int64)
    if len(x) != len(y):
        message = f"{images} holds {len(x)} images but {labels} holds {len(y)} labels"
        raise LabelError(hint(message, "take both files from the same set and part"))
    check_range(y, classes, str(labels))
    return x[:, None], y


def _read(path: Path, kind: str) -> np.ndarray:
    """Return the uint8 array of one file, (n, h, w) for images and (n,) for labels."""
    with unpacked(path) as source:
        shape = _shape(source, path, kind)
        size = math.prod(shape)
        if size == 0:
            raise DataError(hint(f"{path}: holds no {kind}: its header says {shape}", AGAIN))
        if size > min(LIMIT, path.stat().st_size * _DEFLATE):
            message = f"{path}: its header says {shape}, {size} bytes: more than it can hold"
            raise DataError(hint(message, AGAIN))
        array = np.empty(shape, np.uint8)
        have = fill(source, array)
        if have < size:
            message = f"{path}: its header says {shape}, {size} bytes, but only {have} follow"
            raise DataError(hint(message, AGAIN))
        if source.read(1):
            message = f"{path}: goes on after the {size} bytes of {shape} that its header says"
            raise DataError(hint(message, AGAIN))
    return array


def _shape(source: BufferedIOBase, path: Path, kind: str) -> Shape:
    """Read and check the header of a file of that kind; return the sizes in it."""
    magic = _MAGIC[kind]
    start = source.read(4)
    if not start:
        raise DataError(hint(f"{path}: is empty", AGAIN))
    if start != magic:
        message = f"{path}: wrong magic number {start.hex()}, expected {magic.hex()} for {kind}"
        swapped = start in _MAGIC.values()
        raise DataError(hint(message, "swap the image and label files" if swapped else AGAIN))
    rank = magic[3]
    sizes = source.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise DataError(hint(f"{path}: breaks off inside its header", AGAIN))
    return struct.unpack(f">{rank}I", sizes)
