"""The binary version of CIFAR-10 and CIFAR-100, as a folder of files or still in its .tar.gz.

A record is one label byte (CIFAR-100: the coarse label, then the fine one) and 3072 bytes: 1024
red, 1024 green, 1024 blue, row by row. Rejects files of another length, and never unpacks the
archive to disk: it is read as a stream, and no further than the files in it may be long. The
Python version, which is a pickle, is rejected.
Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import IO, cast

import numpy as np

from xpcnn.data.files import AGAIN, fill, find, unpacked
from xpcnn.data.images import Part
from xpcnn.data.labels import check_range
from xpcnn.errors import DataError, hint

SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
_RECORDS = 10_000  # read at a time
_SLACK = 1 << 20  # bytes of an archive that are not records: headers, names of classes, a page


@dataclass(frozen=True)
class Layout:
    """What one of the two sets consists of; every file of a part holds as many records.

    python: what shows that the Python version of the set is there.
    """

    folder: str
    archive: str
    python: tuple[str, ...]
    train: tuple[str, ...]
    test: tuple[str, ...]
    train_records: int
    test_records: int
    label_bytes: int
    classes: int

    @property
    def records(self) -> dict[str, int]:
        """The number of records in each file."""
        train = dict.fromkeys(self.train, self.train_records)
        return train | dict.fromkeys(self.test, self.test_records)

    def length(self, name: str) -> int:
        """Return the length of a file in bytes."""
        return self.records[name] * (self.label_bytes + _PIXELS)


CIFAR10 = Layout(
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    python=("cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1"),
    train=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    test=("test_batch.bin",),
    train_records=10_000,
    test_records=10_000,
    label_bytes=1,
    classes=10,
)
CIFAR100 = Layout(
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    python=("cifar-100-python", "cifar-100-python.tar.gz"),
    train=("train.bin",),
    test=("test.bin",),
    train_records=50_000,
    test_records=10_000,
    label_bytes=2,
    classes=100,
)


def read(folders: Iterable[Path], layout: Layout) -> tuple[Part, Part]:
    """Return (images, labels) of the training part and of the test part.

    images: uint8 (n, 3, 32, 32); labels: int64 (n,), the fine ones. In each folder and in
    `layout.folder` below it, the files themselves are looked for, then the archive.

    Raises:
        DataError: a file is missing, of another length, or damaged.
        LabelError: labels outside the classes.
    """
    first = layout.train[0]
    places = [place for folder in folders for place in (folder, folder / layout.folder)]
    _reject_pickles(places, layout)
    found = find(places, (first, layout.archive))
    train, test = _empty(layout.train, layout), _empty(layout.test, layout)
    slots = _slots(layout.train, train) | _slots(layout.test, test)
    if found.name == first:
        for name, slot in slots.items():
            _read_file(find([found.parent], [name]), slot, layout)
    else:
        _read_archive(found, slots, layout)
    return train, test


def _reject_pickles(folders: Iterable[Path], layout: Layout) -> None:
    """Say which version of the set is needed where only the Python version is there."""
    binary = (layout.train[0], layout.archive)
    folders = list(folders)
    if any(os.path.isfile(folder / name) for folder in folders for name in binary):
        return
    for folder in folders:
        for name in layout.python:
            if os.path.exists(folder / name):
                message = (
                    f"{folder / name}: is the Python version of the data set, a pickle, which "
                    "could run any code; the binary version is read"
                )
                advice = f"{layout.archive} from {_HOME}, or no --data-dir to have it downloaded"
                raise DataError(hint(message, advice))


def _empty(names: tuple[str, ...], layout: Layout) -> Part:
    n = sum(layout.records[name] for name in names)
    return np.empty((n, *SHAPE), np.uint8), np.empty(n, np.int64)


def _slots(names: tuple[str, ...], part: Part) -> dict[str, Part]:
    """Return the share of `part` that each file fills: equal parts, in order."""
    images, labels = (np.split(array, len(names)) for array in part)  # views
    return dict(zip(names, zip(images, labels, strict=True), strict=True))


def _read_file(path: Path, slot: Part, layout: Layout) -> None:
    size, expected = path.stat().st_size, layout.length(path.name)
    if size != expected:
        raise DataError(hint(f"{path}: has {size} bytes, expected {expected}", AGAIN))
    with unpacked(path) as source:
        _fill_slot(source, slot, layout, str(path))


def _read_archive(path: Path, slots: dict[str, Part], layout: Layout) -> None:
    limit = sum(map(layout.length, slots)) + _SLACK
    missing = set(slots)
    with unpacked(path) as stream, _archive(path, stream, limit) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name not in missing:
                continue
            where = f"{path}: {name}"
            source = archive.extractfile(member) if member.isreg() else None
            if source is None or member.size != layout.length(name):
                message = f"{where} has {member.size} bytes, expected {layout.length(name)}"
                raise DataError(hint(message, AGAIN))
            _fill_slot(cast(BufferedIOBase, source), slots[name], layout, where)
            missing.remove(name)
            if not missing:
                return
    raise DataError(hint(f"{path}: the archive lacks {', '.join(sorted(missing))}", AGAIN))


@contextmanager
def _archive(path: Path, stream: BufferedIOBase, limit: int) -> Iterator[tarfile.TarFile]:
    """Open a stream as an archive; read at most `limit` bytes of it."""
    try:
        capped = _Capped(path, stream, limit)
        with tarfile.open(mode="r|", fileobj=cast(IO[bytes], capped)) as archive:
            yield archive
    except tarfile.TarError as error:
        raise DataError(hint(f"{path}: the archive is damaged: {error}", AGAIN)) from error


class _Capped:
    """A stream for tarfile, whose headers may announce anything, that ends in an error."""

    def __init__(self, path: Path, stream: BufferedIOBase, limit: int) -> None:
        self.path, self.stream, self.limit, self.have = path, stream, limit, 0

    def read(self, size: int) -> bytes:
        chunk = self.stream.read(size)
        self.have += len(chunk)
        if self.have > self.limit:
            message = f"{self.path}: expands to more than the {self.limit} bytes it may hold"
            raise DataError(hint(message, AGAIN))
        return chunk


def _fill_slot(source: BufferedIOBase, slot: Part, layout: Layout, where: str) -> None:
    """Read the records of one file into its share of the images and labels."""
    images, labels = slot
    rows = np.empty((min(len(labels), _RECORDS), layout.label_bytes + _PIXELS), np.uint8)
    for start in range(0, len(labels), _RECORDS):
        part = rows[: len(labels) - start]
        if fill(source, part) < part.size:
            raise DataError(hint(f"{where}: ends too early", AGAIN))
        labels[start : start + len(part)] = part[:, layout.label_bytes - 1]
        images[start : start + len(part)] = part[:, layout.label_bytes :].reshape(-1, *SHAPE)
    check_range(labels, layout.classes, where)
