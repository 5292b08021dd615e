"""Images that stay on disk: `Dataset.images` if they do not fit into memory.

They are read by index, as an array is: `images[3]`, `images[:10]` and `images[[4, 2]]` are arrays.
`Mapped` is a file of an array; `xpcnn.data.streams.stream` has pictures, which are decoded when
they are read.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self, TypeAlias

import numpy as np

from xpcnn.errors import DataError
from xpcnn.types import Shape

Images: TypeAlias = Any
"""Images (n, c, h, w) on the host: a NumPy array, or `Stored`."""

STREAM_FROM = 1 << 31
"""Bytes of images from which on they stay on disk, where nobody says what to do."""

FOR_STATISTICS = 1000  # pictures that mean and deviation are taken from
_VALUES = 1 << 30  # of these pictures: fewer are taken from 600 x 600 pixels on, which take long

_AT_ONCE = 1 << 23  # bytes of images that are read at a time where all are needed


class Stored(ABC):
    """Images on disk that are read by index, with the shape and dtype of an array.

    sample: shape (c, h, w) of an image.
    dtype: dtype of the values.
    rows: indices of these images among those of the file, in order, int64 (n,).
    finite: whether all values are known to be finite.
    damaged: by row, what is wrong with images in whose place others of their class are read.
    """

    ndim = 4
    finite = False

    def __init__(self, sample: Shape, dtype: np.dtype, rows: np.ndarray) -> None:
        self.sample, self.dtype, self.rows = sample, dtype, rows
        self.damaged: dict[int, DataError] = {}

    @abstractmethod
    def batches(self, wanted: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the images at each array of indices, in order: arrays (k, c, h, w).

        Raises:
            DataError: an image cannot be read; names its file.
        """

    @abstractmethod
    def with_rows(self, rows: np.ndarray) -> Self:
        """Return other images of those that lie there."""

    @abstractmethod
    def lies_with(self, other: Images) -> bool:
        """Whether `with_rows` can return the images of another part too."""

    @property
    def name_hashes(self) -> np.ndarray | None:
        """A hash of the name of each image, uint64 (n,); None where pixels identify images."""
        return None

    def identity(self) -> Iterator[np.ndarray]:
        """Yield arrays that identify these images: by default the images themselves."""
        return self.chunks()

    @property
    def shape(self) -> Shape:
        return len(self.rows), *self.sample

    @property
    def size(self) -> int:
        """The number of values in all images."""
        return math.prod(self.shape)

    def part(self, where: np.ndarray | slice) -> Self:
        """Return the images at indices, or of a mask, without reading them."""
        return self.with_rows(self.rows[where])

    def chunks(self, size: int | None = None) -> Iterator[np.ndarray]:
        """Yield all images in their order, `size` at a time; by default `at_once`."""
        return self.batches(in_order(len(self), size or self.at_once))

    def some_rows(self, most: int) -> np.ndarray:
        """Return the indices of some images, always the same: `most`, or up to twice as many."""
        return np.arange(0, len(self), max(1, len(self) // most))

    def for_statistics(self) -> Self:
        """Return the images that mean and deviation are taken from: by default all."""
        return self

    def rows_for_statistics(self) -> np.ndarray:
        """Return the rows of the pictures that stand for all, where each takes long to read."""
        most = min(FOR_STATISTICS, _VALUES // math.prod(self.sample))
        rows: np.ndarray = self.rows[self.some_rows(max(1, most))]
        return rows

    @property
    def at_once(self) -> int:
        """How many images 8 MiB hold; 1 at least."""
        return max(1, _AT_ONCE // (math.prod(self.sample) * self.dtype.itemsize))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, where: int | slice | Sequence[int] | np.ndarray) -> np.ndarray:
        found = np.arange(len(self))[where]
        (images,) = self.batches([np.atleast_1d(found)])
        return images if found.ndim else images[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        for images in self.chunks():
            yield from images


class Mapped(Stored):
    """Images of an array in a file that is mapped into memory.

    Reading them takes no memory of the process: the system keeps pages of the file while there is
    room for them.

    array: (n, c, h, w), such as `numpy.load(path, mmap_mode="r")`; float64 is read as float32.
    """

    def __init__(self, array: np.ndarray, rows: np.ndarray | None = None) -> None:
        self.array = np.asarray(array)
        dtype = np.dtype(np.float32) if array.dtype.kind == "f" else array.dtype.newbyteorder("=")
        super().__init__(array.shape[1:], dtype, np.arange(len(array)) if rows is None else rows)

    def batches(self, wanted: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for where in wanted:
            with np.errstate(over="ignore"):  # rejected as infinite
                images = self.array[self.rows[where]].astype(self.dtype, copy=False)
            yield np.ascontiguousarray(images)

    def lies_with(self, other: Images) -> bool:
        return isinstance(other, Mapped) and other.array is self.array

    def with_rows(self, rows: np.ndarray) -> "Mapped":
        other = Mapped(self.array, rows)
        other.finite = self.finite
        return other


def in_order(count: int, size: int) -> Iterator[np.ndarray]:
    """Yield the indices below `count` in order, `size` at a time."""
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def chunks(images: Images, size: int) -> Iterator[np.ndarray]:
    """Yield images (n, c, h, w) in their order, `size` at a time; of stored ones fewer if large."""
    if isinstance(images, Stored):
        yield from images.chunks(min(size, images.at_once))
    else:
        for start in range(0, len(images), size):
            yield images[start : start + size]


def some_of(images: Images, most: int) -> np.ndarray:
    """Return some of the images, always the same: of stored ones about what 8 MiB hold."""
    if isinstance(images, Stored):
        return images[images.some_rows(min(most, images.at_once))]
    return np.asarray(images[:: max(1, len(images) // most)])


def goes_by_names(images: Images) -> bool:
    """Whether the names of their files identify images, and checks read only some."""
    return isinstance(images, Stored) and images.name_hashes is not None


def part_of(images: Images, where: np.ndarray) -> Images:
    """Return the images at indices, or of a mask: of an array a copy, of stored ones unread."""
    return images.part(where) if isinstance(images, Stored) else images[where]


def joined(parts: Sequence[Images]) -> Images:
    """Return the images of several parts as one: unread where they lie together on disk."""
    first = parts[0]
    if isinstance(first, Stored) and all(first.lies_with(part) for part in parts):
        return first.with_rows(np.concatenate([part.rows for part in parts]))
    return np.concatenate([part[:] for part in parts])


def is_mapped(array: object) -> bool:
    """Whether the memory of an array is that of a file: a memory map, or a view of one."""
    base = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False
