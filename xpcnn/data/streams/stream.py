"""Pictures that are decoded while they are used: a data set of any size in bounded memory.

A stream is an index, which says where each picture lies and what its class is, and the rows of the
index that belong to a part of the data set. `pictures.read_picture` reads them, in threads that
work ahead of the training. Any picture can be read at any time, so that a run resumes exactly where
it stopped.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from xpcnn.data.picture_files import PictureFile, with_package
from xpcnn.data.pictures import read_picture
from xpcnn.data.reading import Pictures, Reading
from xpcnn.data.stored import Images, Stored, in_order
from xpcnn.data.streams.read_ahead import batches_ahead
from xpcnn.errors import DataError, hint, reason_of

_SKIP = "fix or remove it, or --skip-damaged (skip_damaged=True) to do without it"


class Index(Protocol):
    """Where pictures lie, and what they show.

    labels: classes, int64 (n,), or targets, float64 (n, k).
    name_hashes: a hash of the name of each picture, uint64 (n,).
    """

    labels: np.ndarray
    name_hashes: np.ndarray

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
        same; False raises an error that names it. A picture with targets has no replacement; see
        `undamaged`.
    damaged: what is wrong with each picture that cannot be read, by row of the index; shared by all
        parts of the data set.
    own_part: indices of all pictures of the same part of the data set, among which replacements are
        found; None for `rows`.
    """

    finite = True  # a picture of floats that are not is refused when it is read

    def __init__(
        self,
        index: Index,
        reading: Reading,
        rows: np.ndarray,
        skip_damaged: bool = False,
        damaged: dict[int, DataError] | None = None,
        own_part: np.ndarray | None = None,
    ) -> None:
        dtype = reading.dtype if isinstance(reading, Pictures) else np.float32
        super().__init__(reading.shape, np.dtype(dtype), rows)
        self.index, self.reading, self.skip_damaged = index, reading, skip_damaged
        self.damaged = {} if damaged is None else damaged
        self.own_part = rows if own_part is None else own_part

    @property
    def name_hashes(self) -> np.ndarray:
        return np.asarray(self.index.name_hashes[self.rows])

    def identity(self) -> Iterator[np.ndarray]:
        return picture_identity(self.reading, self.name_hashes)

    def batches(self, wanted: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        rows = (self.rows[where] for where in wanted)
        return batches_ahead(self._read, rows, self.sample, self.dtype)

    def batches_with_zeros(self, wanted: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield what `batches` does, with zeros in place of pictures that are skipped.

        Their rows are in `damaged` from then on.
        """
        rows = (self.rows[where] for where in wanted)
        return batches_ahead(self._read_or_zeros, rows, self.sample, self.dtype)

    def readable(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all pictures except those that are skipped, as an array, and their indices."""
        (images,) = self.batches_with_zeros([np.arange(len(self))])
        kept = self._kept()
        return (images if len(kept) == len(images) else images[kept]), kept

    def undamaged(self) -> tuple["Stream", np.ndarray]:
        """Return all pictures except those that are skipped, as a stream, and their indices.

        Each picture is decoded once to find them.
        """
        for _ in self.batches_with_zeros(in_order(len(self), self.at_once)):
            pass
        kept = self._kept()
        return Stream(self.index, self.reading, self.rows[kept]), kept

    def _kept(self) -> np.ndarray:
        """Return the indices of the pictures that are not damaged; raise an error without any."""
        kept = np.flatnonzero(~np.isin(self.rows, list(self.damaged)))
        if not kept.size:
            raise self.damaged[int(self.rows[0])]
        return kept

    def with_rows(self, rows: np.ndarray) -> "Stream":
        return Stream(self.index, self.reading, rows, self.skip_damaged, self.damaged)

    def lies_with(self, other: Images) -> bool:
        return isinstance(other, Stream) and other.index is self.index

    def some_rows(self, most: int) -> np.ndarray:
        """Return the indices of the pictures whose names have the lowest hashes."""
        return lowest_hashes(self.name_hashes, most)

    def for_statistics(self) -> "Stream":
        rows = self.rows_for_statistics()
        return Stream(self.index, self.reading, rows, self.skip_damaged, self.damaged, self.rows)

    def _read(self, row: int) -> np.ndarray:
        """Return the picture in a row of the index, or its replacement."""
        try:
            return self._sample(row)
        except DataError as error:
            if not self.skip_damaged:
                reason = reason_of(error)
                raise DataError(hint(reason, with_package([error], _SKIP))) from error
        for other in of_its_class(self.index.labels, self.own_part, row):
            try:
                return self._sample(other)
            except DataError:
                continue
        raise self.damaged[row]

    def _read_or_zeros(self, row: int) -> np.ndarray:
        """Return the picture in a row of the index; zeros if it is damaged and may be skipped."""
        try:
            return self._sample(row)
        except DataError:
            if not self.skip_damaged:
                return self._read(row)  # which raises an error with advice
            return np.zeros(self.sample, self.dtype)

    def _sample(self, row: int) -> np.ndarray:
        if row in self.damaged:
            raise self.damaged[row]
        try:
            return read_picture(self.index.file(row), self.reading).sample
        except DataError as error:
            if self.skip_damaged:
                self.damaged[row] = error
            raise


def of_its_class(labels: np.ndarray, rows: np.ndarray, row: int) -> Iterator[int]:
    """Yield the rows that may replace a picture that cannot be read: of its class, those that
    follow it among `rows`, then those before it.

    labels: of all pictures, (n,); rows: int64; row: one of them.
    """
    alike = rows[labels[rows] == labels[row]]
    start = int(np.flatnonzero(alike == row)[0])
    yield from (*alike[start + 1 :].tolist(), *alike[:start].tolist())


def damage_notes(parts: Iterable[Images]) -> tuple[str, ...]:
    """Return notes about damaged pictures that others have replaced."""
    found: list[str] = []
    for part in parts:
        if isinstance(part, Stored) and part.damaged:
            own = np.intersect1d(part.rows, list(part.damaged))
            found += [reason_of(part.damaged[row]) for row in own.tolist()]
    different = list(dict.fromkeys(found))
    return (replaced(different),) if different else ()


def replaced(damaged: Sequence[str]) -> str:
    """Return the note about damaged pictures of classes, given what is wrong with each."""
    note = "damaged pictures left out, each with another of its class in its place"
    return f"{note}: {len(damaged)}; the first: {damaged[0]}"


def picture_identity(reading: Reading, name_hashes: np.ndarray) -> Iterator[np.ndarray]:
    """Yield what a run on pictures depends on: how they are read, and hashes of their names."""
    yield np.frombuffer(repr(reading).encode(), np.uint8)
    yield name_hashes


def lowest_hashes(hashes: np.ndarray, most: int) -> np.ndarray:
    """Return the indices of the lowest hashes, in order: a sample that is always the same."""
    return np.sort(np.argsort(hashes, kind="stable")[:most])
