"""The calls of a pass over a batch, and the memory in which they are made again.

While the pass runs, its arrays come and go. The recorder keeps none of them: it notes which call
was the first to write into the memory of each, and which was the last to use it. `Arena` is memory
in which arrays overlap that no call needs at the same time, so that the calls need no more memory
than the pass did.
"""

import weakref
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ..layout import Array
from ..memory import ALIGNED, aligned_empty
from ..recording import Function
from .shared_library import Call, address


class NotRecordableError(Exception):
    """Other code than recorded calls takes part in a pass, or its arrays are large."""


@dataclass
class Block:
    """The memory of an array, and of all that are views of it.

    start, bytes: where it was while calls were recorded. first, last: the number of the first call
    that wrote into it, and of the last that used it. owner: the array. written: ranges of addresses
    into which calls have written.
    """

    start: int
    bytes: int
    first: int
    last: int
    owner: weakref.ref[Array]
    written: list[tuple[int, int]] = field(default_factory=list)


class Place(NamedTuple):
    """Where an array lay.

    given, block: in which of the given arrays, or else in which of the blocks. offset: of how many
    bytes from its start.
    """

    given: int | None
    block: int | None
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]


class InC(NamedTuple):
    """A call of C; arguments: with a place for each array, and for a constant its address."""

    call: Call
    arguments: Sequence[Any]


class InNumPy(NamedTuple):
    """A call of NumPy that fills the last of the places."""

    function: Function
    places: Sequence[Place]
    options: dict[str, Any]


class Recorder:
    """Is told of the calls of a pass that reads `given`; see `recording.Recorder`.

    most: bytes that the arrays which calls have written may take at a time.
    """

    def __init__(self, given: Sequence[Array], most: int) -> None:
        self.given, self.most = given, most  # given: kept, so that nothing else lies there
        self.bounds = [byte_bounds(x) for x in given]
        self.calls: list[InC | InNumPy] = []
        self.constants: list[Array] = []  # that calls read, and tables; no pointer keeps them
        self.blocks: list[Block] = []
        self.alive: list[tuple[int, Block]] = []  # those whose arrays exist, with their numbers

    def add(self, call: Call, arguments: tuple[Any, ...]) -> None:
        """Record a C call that has just been made.

        Raises:
            NotRecordableError: it reads what other code has computed.
        """
        noted: list[Any] = []
        for kind, a in zip(call.kinds, arguments, strict=True):
            if type(a) is not np.ndarray:
                noted.append(a)
            elif kind == "t" or (kind == "p" and self._is_constant(a)):
                noted.append(address(a))
                self.constants.append(a)
            elif kind == "p":
                noted.append(self.place(a))
            else:
                noted.append(self._written(a))
        self.calls.append(InC(call, noted))

    def add_numpy(
        self, function: Function, out: Array, arrays: Sequence[Array], options: dict[str, Any]
    ) -> None:
        """Record a NumPy call that has just been made; raise as `add` does."""
        places = [self.place(a) for a in arrays]
        self.calls.append(InNumPy(function, [*places, self._written(out)], options))

    def place(self, x: Array) -> Place:
        """Return where x lies, which is given or written by calls.

        Raises:
            NotRecordableError: it is neither.
        """
        low, high = byte_bounds(x)
        layout = x.shape, x.strides, x.dtype
        for i, (first, end) in enumerate(self.bounds):
            if first <= low and high <= end:
                return Place(i, None, low - first, *layout)
        if not x.flags.writeable:  # what calls have written; no other code may have changed it
            for i, block in self._alive():
                if low < block.start or block.start + block.bytes < high:
                    continue
                if any(first <= low and high <= end for first, end in block.written):
                    block.last = len(self.calls)
                    return Place(None, i, low - block.start, *layout)
        raise NotRecordableError

    def written(self, x: Array) -> Place:
        """Return where a result lies; raise as `place` does, if calls have not written it."""
        place = self.place(x)
        if place.given is not None:
            raise NotRecordableError
        return place

    def _written(self, x: Array) -> Place:
        owner = x.base if isinstance(x.base, np.ndarray) else x
        known = (i for i, block in self._alive() if block.owner() is owner)
        if (i := next(known, None)) is None:
            start, end = byte_bounds(owner)
            i, now = len(self.blocks), len(self.calls)
            self.blocks.append(Block(start, end - start, now, now, weakref.ref(owner)))
            self.alive.append((i, self.blocks[i]))
            if sum(block.bytes for _, block in self._alive()) > self.most:
                raise NotRecordableError
        self.blocks[i].written.append(byte_bounds(x))
        x.flags.writeable = False  # also of all views that are made of x from now on
        return self.place(x)

    def _is_constant(self, x: Array) -> bool:
        """Whether x has been read-only from the beginning, and not since a call wrote into it."""
        is_written = any(block.owner() is x for _, block in self._alive())
        return x.flags.owndata and not x.flags.writeable and not is_written

    def _alive(self) -> list[tuple[int, Block]]:
        self.alive = [(i, block) for i, block in self.alive if block.owner() is not None]
        return self.alive


class Arena:
    """Memory for blocks.

    most: bytes that it may take.
    """

    def __init__(self, blocks: Sequence[Block], most: int) -> None:
        """Take the memory.

        Raises:
            NotRecordableError: it would be more.
        """
        self.offsets, self.bytes = packed(blocks)
        if self.bytes > most:
            raise NotRecordableError
        self.memory = aligned_empty((self.bytes,), np.dtype(np.uint8))

    def view(self, place: Place) -> Array:
        """Return the array at a place."""
        assert place.block is not None
        offset = self.offsets[place.block] + place.offset
        return np.ndarray(place.shape, place.dtype, self.memory, offset, place.strides)


def packed(blocks: Sequence[Block]) -> tuple[list[int], int]:
    """Return where each block begins in one memory, and how many bytes that takes.

    Blocks that are in use during the same call do not overlap. The largest are placed first, each
    where the first gap is.
    """
    offsets, placed, most = [0] * len(blocks), list[tuple[int, int, int]](), 0
    for i in sorted(range(len(blocks)), key=lambda i: -blocks[i].bytes):
        block, start = blocks[i], 0
        size = -(-block.bytes // ALIGNED) * ALIGNED
        for begin, end, other in placed:
            if blocks[other].first <= block.last and block.first <= blocks[other].last:
                if start + size <= begin:
                    break
                start = max(start, end)
        offsets[i], most = start, max(most, start + size)
        insort(placed, (start, start + size, i))
    return offsets, most
