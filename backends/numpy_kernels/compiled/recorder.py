"""The calls of a pass over a batch, and the memory in which they are made again.

While the pass runs, its arrays come and go, and later ones lie where earlier ones were. The
recorder notes where each array lay, and keeps none of them. `Arena` is memory of the same shape:
arrays that overlapped still do, so that the calls need no more memory than the pass did.
"""

import weakref
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..layout import Array
from ..recording import Function
from .shared_library import Call, address

ALIGNED = 64  # bytes of a cache line: arrays begin in it where they began before


class NotRecordableError(Exception):
    """Other code than recorded calls takes part in a pass, or its arrays are large."""


class Place(NamedTuple):
    """Where an array lay.

    start: its address. given: which of the given arrays it is a part of; None if calls wrote it.
    """

    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]
    given: int | None

    @classmethod
    def of(cls, x: Array, given: int | None) -> "Place":
        low, _ = np.lib.array_utils.byte_bounds(x)
        return cls(low, x.shape, x.strides, x.dtype, given)


class Recorder:
    """Is told of the calls of a pass that reads `given`; see `recording.Recorder`.

    most: bytes that the arrays which calls have written may take at a time.
    """

    def __init__(self, given: Sequence[Array], most: int) -> None:
        self.given, self.most = given, most
        self.calls: list[tuple[Call | Function, Sequence[Any], dict[str, Any]]] = []
        self.tables: list[Any] = []  # that calls read; no pointer keeps them
        self.ranges: list[tuple[int, int]] = []  # of what calls have written
        self.alive: list[
            tuple[weakref.ref[Array], int, int]
        ] = []  # owners of memory, and the range

    def add(self, call: Call, arguments: tuple[Any, ...]) -> None:
        """Record a C call that has just been made.

        Raises:
            NotRecordableError: it reads what other code has computed.
        """
        noted: list[Any] = []
        for kind, a in zip(call.kinds, arguments, strict=True):
            if type(a) is not np.ndarray:
                noted.append(a)
            elif kind == "t":
                noted.append(address(a))
                self.tables.append(a)
            elif kind == "p":
                noted.append(self.place(a))
            else:
                noted.append(self._written(a))
        self.calls.append((call, noted, {}))

    def add_numpy(
        self, function: Function, out: Array, arrays: Sequence[Array], options: dict[str, Any]
    ) -> None:
        """Record a NumPy call that has just been made; raise as `add` does."""
        places = [self.place(a) for a in arrays]
        self.calls.append((function, [*places, self._written(out)], options))

    def place(self, x: Array) -> Place:
        """Return where x lies, which is given or written by calls.

        Raises:
            NotRecordableError: it is neither.
        """
        low, high = np.lib.array_utils.byte_bounds(x)
        for i, whole in enumerate(self.given):
            first, end = np.lib.array_utils.byte_bounds(whole)
            if first <= low and high <= end:
                return Place.of(x, i)
        if not x.flags.writeable:  # what calls have written; no other code may have changed it
            for owner, first, end in self.alive:
                if first <= low and high <= end and owner() is not None:
                    return Place.of(x, None)
        raise NotRecordableError

    def written(self, x: Array) -> Place:
        """Return where a result lies; raise as `place` does, if calls have not written it."""
        place = self.place(x)
        if place.given is not None:
            raise NotRecordableError
        return place

    def _written(self, x: Array) -> Place:
        low, high = np.lib.array_utils.byte_bounds(x)
        self.ranges.append((low, high))
        owner = x.base if isinstance(x.base, np.ndarray) else x
        self.alive = [one for one in self.alive if one[0]() is not None]
        self.alive.append((weakref.ref(owner), low, high))
        if sum(end - first for _, first, end in self.alive) > self.most:
            raise NotRecordableError
        x.flags.writeable = False  # also of all views that are made of x from now on
        return Place.of(x, None)


class Arena:
    """Memory in place of ranges of addresses.

    most: bytes that it may take.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]], most: int) -> None:
        """Take the memory.

        Raises:
            NotRecordableError: it would be more.
        """
        joined: list[list[int]] = []
        for low, high in sorted(ranges):
            if joined and low < joined[-1][1]:
                joined[-1][1] = max(high, joined[-1][1])
            else:
                joined.append([low, high])
        self.bytes = sum(high - low for low, high in joined)
        if self.bytes > most:
            raise NotRecordableError
        self.starts = [low for low, _ in joined]
        self.blocks = [_block(high - low, low % ALIGNED) for low, high in joined]

    def view(self, place: Place) -> Array:
        """Return the array at a place."""
        i = bisect_right(self.starts, place.start) - 1
        offset = place.start - self.starts[i]
        return np.ndarray(place.shape, place.dtype, self.blocks[i], offset, place.strides)


def _block(size: int, offset: int) -> Array:
    """Return bytes that begin at an offset from a multiple of ALIGNED."""
    memory = np.empty(size + 2 * ALIGNED, np.uint8)
    first = (offset - int(memory.ctypes.data)) % ALIGNED
    return memory[first : first + size]
