"""The parts of a data set from an index of pictures: whether they are streamed, and how.

If mode and size are not given, the headers of some of the pictures decide.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from xpcnn.data.folder_tree import Name
from xpcnn.data.images import Part
from xpcnn.data.picture_sets import KEPT, left_out, reading_of_some
from xpcnn.data.pictures import check_reading
from xpcnn.data.reading import Fit, Reading, Size
from xpcnn.data.stored import STREAM_FROM
from xpcnn.data.streams.stream import Index, Stream, lowest_hashes

_LOOKED_AT = 500  # pictures whose headers decide how all are read


class Wanted(NamedTuple):
    """How pictures are to be read; see `loading.load`.

    reading: that of a model; None chooses one by size, fit and the pictures.
    stream: whether they stay on disk; None leaves them there if they take more than 2 GiB.
    """

    size: Size | None = None
    fit: Fit | None = None
    reading: Reading | None = None
    skip_damaged: bool = False
    stream: bool | None = None


class Streamed(NamedTuple):
    """The parts of a data set as streams, how their pictures are read, and notes for the user."""

    parts: dict[Name, Part]
    reading: Reading
    notes: tuple[str, ...]


def may_stay(count: int, wanted: Wanted) -> bool:
    """Whether `count` pictures of any size may have to stay on disk."""
    if wanted.stream is not None:
        return wanted.stream
    values = 3 * (KEPT**2 if wanted.size is None else math.prod(wanted.size))
    if wanted.reading is not None:
        values = math.prod(wanted.reading.shape)
    return count * values * np.dtype(np.float32).itemsize > STREAM_FROM


def as_streams(index: Index, rows: Mapping[Name, np.ndarray], wanted: Wanted) -> Streamed | None:
    """Return the parts as streams, or None if they are small, or wanted in memory.

    rows: of the index, for each part.

    Raises:
        DataError: none of the pictures that decide mode and size can be opened.
        ConfigError: see `pictures.check_reading`.
    """
    if wanted.stream is False:
        return None
    every, notes = _every(index, wanted)
    taken = every.size * every.dtype.itemsize
    if wanted.stream is None:
        if taken <= STREAM_FROM:
            return None
        note = (
            f"{len(every):,} pictures would take {taken / 1e9:.1f} GB of memory, so they are "
            "decoded again in each epoch (--stream no reads them all first; xpcnn pack decodes "
            "them once)"
        )
        notes = (*notes, note)
    parts: dict[Name, Part] = {
        name: (every.with_rows(own), index.labels[own]) for name, own in rows.items()
    }
    return Streamed(parts, every.reading, notes)


def in_memory(index: Index, rows: Mapping[Name, np.ndarray], wanted: Wanted) -> Streamed:
    """Return the parts as arrays, without the pictures that are to be skipped.

    Arguments and errors as of `as_streams`.

    Raises:
        DataError: a picture cannot be read.
    """
    every, notes = _every(index, wanted)
    parts: dict[Name, Part] = {}
    for name, own in rows.items():
        images, kept = every.with_rows(own).readable()
        parts[name] = images, index.labels[own[kept]]
    if every.damaged:
        found = [every.damaged[row] for row in sorted(every.damaged)]
        notes = (*notes, left_out(found, len(every)))
    return Streamed(parts, every.reading, notes)


def _every(index: Index, wanted: Wanted) -> tuple[Stream, tuple[str, ...]]:
    """Return all pictures of an index as a stream, and notes about how they are read."""
    reading = wanted.reading
    notes: tuple[str, ...] = ()
    if reading is None:
        files = [index.file(row) for row in lowest_hashes(index.name_hashes, _LOOKED_AT).tolist()]
        reading, notes = reading_of_some(files, wanted.size, wanted.fit or "pad")
    check_reading(reading)
    return Stream(index, reading, np.arange(len(index.labels)), wanted.skip_damaged), notes
