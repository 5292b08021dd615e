"""Images that `xpcnn pack` has written: shards, files of equally many images, mapped into memory.

Shards can be copied and checked one by one, and a process reads of them what it needs.
"""

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xpcnn.data.files import current_folder, from_folder, open_regular
from xpcnn.data.npy_header import array_header
from xpcnn.data.reading import Reading
from xpcnn.data.stored import Images, Stored
from xpcnn.data.streams.stream import lowest_hashes, of_its_class, picture_identity
from xpcnn.errors import DataError, hint
from xpcnn.types import Shape

MEND = "the same xpcnn pack again, which writes the files that are not there"

_MOST_MAPPED = 500  # shards at a time: each takes one of the files that a process may open


def shard_path(folder: Path, part: str, number: int) -> Path:
    """Return the path of a shard of a part of the data set."""
    return folder / f"{part}-{number:05}.npy"


def shard_sizes(count: int, each: int) -> list[int]:
    """Return how many of `count` images each shard holds: `each`, the last perhaps fewer."""
    return [min(each, count - start) for start in range(0, count, each)]


class Shards:
    """Images (count, *sample) in shards of `each`.

    Raises:
        DataError: a shard is missing, or has another shape, dtype or length; names it.
    """

    def __init__(
        self, folder: Path, part: str, count: int, each: int, sample: Shape, dtype: np.dtype
    ) -> None:
        self.sample, self.dtype, self.each = sample, dtype, each
        sizes = enumerate(shard_sizes(count, each))
        self._files = [(shard_path(folder, part, number), size) for number, size in sizes]
        self._starts = [_checked(path, (size, *sample), dtype) for path, size in self._files]
        self._mapped: dict[int, np.ndarray] = {}
        self._given_in = current_folder()

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the images of the numbers `rows`, as a new array."""
        if len(self._files) == 1:
            return np.asarray(self._shard(0)[rows])
        images = np.empty((len(rows), *self.sample), self.dtype)
        for i, row in enumerate(rows.tolist()):  # one copy: by shard would need two
            number, place = divmod(row, self.each)
            images[i] = self._shard(number)[place]
        return images

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles do without the images, which lie in the files."""
        return vars(self) | {"_mapped": {}}

    def _shard(self, number: int) -> np.ndarray:
        shard = self._mapped.get(number)
        if shard is None:
            path, size = self._files[number]
            path = from_folder(path, self._given_in)
            shape = (size, *self.sample)
            shard = np.asarray(np.memmap(path, self.dtype, "r", self._starts[number], shape))
            if len(self._mapped) >= _MOST_MAPPED:
                self._mapped.clear()
            self._mapped[number] = shard
        return shard


class Packed(Stored):
    """Pictures in shards, identified by their names.

    shards: all pictures of the part of the data set.
    reading: how the pictures were read.
    all_hashes: a hash of the name of each picture in the shards, uint64 (n,).
    labels: of each picture in the shards, (n,) or (n, k).
    damaged: by number, what was wrong with pictures that could not be read. Others of their classes
        are read in their place, as in a `Stream`; a picture with targets has no replacement.
    rows, own_part: as in a `Stream`.
    """

    finite = True  # as those of a stream

    def __init__(
        self,
        shards: Shards,
        reading: Reading,
        all_hashes: np.ndarray,
        labels: np.ndarray,
        damaged: dict[int, DataError],
        rows: np.ndarray,
        own_part: np.ndarray | None = None,
    ) -> None:
        super().__init__(shards.sample, shards.dtype, rows)
        self.shards, self.reading, self.all_hashes = shards, reading, all_hashes
        self.labels, self.damaged = labels, damaged
        self._read = self._readable(rows if own_part is None else own_part)

    def batches(self, wanted: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for where in wanted:
            yield self.shards.take(self._read[where])

    def _readable(self, own_part: np.ndarray) -> np.ndarray:
        """Return `rows`, with others of the part in place of those of damaged pictures."""
        found = self.rows
        if not self.damaged:
            return found
        found = found.copy()
        for i in np.flatnonzero(np.isin(self.rows, list(self.damaged))).tolist():
            row = int(self.rows[i])
            others = of_its_class(self.labels, own_part, row)
            other = next((r for r in others if r not in self.damaged), None)
            if other is None:
                raise self.damaged[row]
            found[i] = other
        return found

    @property
    def name_hashes(self) -> np.ndarray:
        return np.asarray(self.all_hashes[self.rows])

    def identity(self) -> Iterator[np.ndarray]:
        return picture_identity(self.reading, self.name_hashes)

    def lies_with(self, other: Images) -> bool:
        return isinstance(other, Packed) and other.shards is self.shards

    def with_rows(self, rows: np.ndarray) -> "Packed":
        own = self.shards, self.reading, self.all_hashes, self.labels, self.damaged
        return Packed(*own, rows)

    def some_rows(self, most: int) -> np.ndarray:
        return lowest_hashes(self.name_hashes, most)

    def for_statistics(self) -> "Packed":
        own = self.shards, self.reading, self.all_hashes, self.labels, self.damaged
        return Packed(*own, self.rows_for_statistics(), self.rows)


def read_array(path: Path, dtype: np.dtype, shape: Shape) -> np.ndarray:
    """Return the numbers in a file.

    Raises:
        DataError: the file is missing, or has another shape, dtype or length.
    """
    start = _checked(path, shape, dtype)
    return np.fromfile(path, dtype, math.prod(shape), offset=start).reshape(shape)


def _checked(path: Path, shape: Shape, dtype: np.dtype) -> int:
    """Return where the numbers of an array begin in its file.

    Raises:
        DataError: the file is missing, or has another shape, dtype or length.
    """
    if not path.exists():
        raise DataError(hint(f"{path}: there is no such file", MEND))
    with open_regular(path) as file:
        found = array_header(str(path), file)
        start, length = file.tell(), os.fstat(file.fileno()).st_size
    expected = math.prod(shape) * dtype.itemsize
    if found != (shape, False, dtype) or length != start + expected:
        message = f"{path}: holds {found[2]} {found[0]} in {length} bytes, expected {dtype} {shape}"
        raise DataError(hint(message, f"remove it, and {MEND}"))
    return start
