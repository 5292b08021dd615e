"""Pictures that are decoded while they are used: a data set of any size in bounded memory.

A stream is an index, which says where each picture lies and of which class it is, and the rows of
it that a part of the data set has. Pictures are read as every other is (`pictures.read_picture`),
by threads ahead of whoever uses them; any picture can be asked for at any time, so that a run is
resumed exactly where it was.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from xpcnn.data.picture_files import PictureFile
from xpcnn.data.pictures import read_picture
from xpcnn.data.read_ahead import batches_ahead
from xpcnn.data.reading import Pictures, Reading
from xpcnn.data.stored import Images, Stored
from xpcnn.errors import DataError, hint

_FOR_STATISTICS = 1000  # pictures that mean and deviation are taken from
_SKIP = "mend or remove it, or --skip-damaged (skip_damaged=True) to do without it"


class Index(Protocol):
    """Where pictures lie. labels: int64 (n,); words: a hash of the name of each, uint64 (n,)."""

    labels: np.ndarray
    words: np.ndarray

    def file(self, row: int) -> PictureFile:
        """Return a picture: a path, or the bytes of a file. Called by several threads at a time.

        Raises:
            DataError: it cannot be read; names the file.
        """


class Stream(Stored):
    """Pictures on disk as images (n, c, h, w): in `Dataset.images`, in place of an array.

    index: where the pictures are.
    reading: how pictures become samples.
    rows: indices of these pictures in the index, int64 (n,).
    skip_damaged: True replaces a picture that cannot be read by another of its class, always the
        same; False raises an error that names it.
    damaged: what is wrong with each replaced picture, by row of the index; shared by all parts of
        the data set.
    """

    finite = True  # a picture of floats that are not is refused when it is read

    def __init__(
        self,
        index: Index,
        reading: Reading,
        rows: np.ndarray,
        skip_damaged: bool = False,
        damaged: dict[int, DataError] | None = None,
    ) -> None:
        dtype = reading.dtype if isinstance(reading, Pictures) else np.float32
        super().__init__(reading.shape, np.dtype(dtype), rows)
        self.index, self.reading, self.skip_damaged = index, reading, skip_damaged
        self.damaged: dict[int, DataError] = {} if damaged is None else damaged

    @property
    def words(self) -> np.ndarray:
        return np.asarray(self.index.words[self.rows])

    def identity(self) -> Iterator[np.ndarray]:
        return picture_identity(self.reading, self.words)

    def batches(self, wanted: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        rows = (self.rows[where] for where in wanted)
        return batches_ahead(self._read, rows, self.sample, self.dtype)

    def with_rows(self, rows: np.ndarray) -> "Stream":
        return Stream(self.index, self.reading, rows, self.skip_damaged, self.damaged)

    def lies_with(self, other: Images) -> bool:
        return isinstance(other, Stream) and other.index is self.index

    def some_rows(self, most: int) -> np.ndarray:
        """Return the indices of the pictures whose names have the lowest hashes."""
        return lowest_words(self.words, most)

    def for_statistics(self) -> "Stream":
        return self.part(self.some_rows(_FOR_STATISTICS))

    def _read(self, row: int) -> np.ndarray:
        """Return the picture in a row of the index, or the one that stands in for it."""
        try:
            return self._sample(row)
        except DataError as error:
            if not self.skip_damaged:
                reason = str(error).partition("\nTry: ")[0]
                raise DataError(hint(reason, _SKIP)) from error
        labels = self.index.labels
        alike = self.rows[labels[self.rows] == labels[row]]
        start = int(np.flatnonzero(alike == row)[0])
        for other in [*alike[start + 1 :].tolist(), *alike[:start].tolist()]:
            try:
                return self._sample(other)
            except DataError:
                continue
        raise self.damaged[row]

    def _sample(self, row: int) -> np.ndarray:
        if row in self.damaged:
            raise self.damaged[row]
        try:
            return read_picture(self.index.file(row), self.reading).sample
        except DataError as error:
            if self.skip_damaged:
                self.damaged[row] = error
            raise


def damage_notes(parts: Iterable[Images]) -> tuple[str, ...]:
    """Return notes about damaged pictures, which others have replaced."""
    found: dict[int, DataError] = {}
    for part in parts:
        if isinstance(part, Stream):
            found |= part.damaged
    if not found:
        return ()
    first = str(next(iter(found.values()))).partition("\nTry: ")[0]
    note = f"damaged pictures left out, each with another of its class in its place: {len(found)}"
    return (f"{note}; the first: {first}",)


def picture_identity(reading: Reading, words: np.ndarray) -> Iterator[np.ndarray]:
    """Yield what a run on pictures depends on: how they are read, and hashes of their names."""
    yield np.frombuffer(repr(reading).encode(), np.uint8)
    yield words


def lowest_words(words: np.ndarray, most: int) -> np.ndarray:
    """Return the indices of the lowest words, in order: a sample that is always the same."""
    return np.sort(np.argsort(words, kind="stable")[:most])
