"""The arrays of a plan that lie elsewhere with each run: given ones, and new ones for results.

Calls of C point at them; a run changes these pointers.
"""

import math
from typing import Any

import numpy as np

from ..layout import Array
from ..memory import aligned_empty
from .recorder import Place
from .shared_library import address

NOTHING = np.empty(0)


class Pointers:
    """Arguments of calls that point into an array, whose memory begins at `start` now."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._words: list[tuple[Any, int, int]] = []  # and how far they point into it

    def add(self, words: Any, i: int) -> None:
        """Take words[i] for such a pointer."""
        self._words.append((words, i, words[i] - self.start))

    def move(self, start: int) -> None:
        """Let them point into memory that begins at `start`."""
        if start != self.start:
            for words, i, offset in self._words:
                words[i] = start + offset
            self.start = start


class Given:
    """An array that a plan is given with each run, and where calls read it.

    memory: the plan's own, where calls read while they are recorded; later it has the given array
    where they cannot read that itself: in another memory order, not aligned, or read by a NumPy
    call.
    """

    def __init__(self, x: Array, *, samples_last: bool) -> None:
        like = np.empty_like(x)
        if samples_last:
            like = np.moveaxis(np.empty((*x.shape[1:], len(x)), x.dtype), -1, 0)
        self.shape, self.dtype, self.strides = x.shape, x.dtype, like.strides
        self.is_copied = False
        self.last: Array | None = None
        self.row: Array | None = None  # the bytes of the memory
        memory = self.memory
        memory[...] = x
        self.pointers = Pointers(address(memory))

    @property
    def memory(self) -> Array:
        if self.row is None:
            size = math.prod(self.shape) * self.dtype.itemsize
            self.row = aligned_empty((size,), np.dtype(np.uint8))
        return np.ndarray(self.shape, self.dtype, self.row, 0, self.strides)

    def view(self, place: Place) -> Array:
        """Return the array at a place within it."""
        return np.ndarray(place.shape, place.dtype, self.row, place.offset, place.strides)

    def release(self) -> None:
        """Give the memory up until it is needed, if that is not in every run."""
        if not self.is_copied:
            self.row = None

    def becomes(self, x: Array) -> bool:
        """Let the calls read x; return whether it has the shape and dtype of the first."""
        if x is self.last:
            return True
        if x.shape != self.shape or x.dtype != self.dtype:
            return False
        if self.is_copied or not self._is_laid_out_as(x):
            memory = self.memory
            memory[...] = x
            x = memory
        self.last = x
        self.pointers.move(address(x))
        return True

    def _is_laid_out_as(self, x: Array) -> bool:
        """Whether calls can read x as they read the memory."""
        if x.strides != self.strides:
            axes = zip(x.shape, x.strides, self.strides, strict=True)
            if any(a != b for length, a, b in axes if length > 1):
                return False
        return x.flags.aligned


class Fresh:
    """A result in new memory with each run, which calls of C alone touch.

    place: all of a block of memory, in some order of its axes: see `is_whole`.
    """

    def __init__(self, place: Place) -> None:
        order = _order(place)
        self.shape, self.dtype = [place.shape[axis] for axis in order], place.dtype
        self.axes = [order.index(axis) for axis in range(len(order))]
        self.renewed = np.empty(self.shape, self.dtype)
        self.pointers = Pointers(address(self.renewed))

    def view(self, place: Place) -> Array:
        """Return the array at a place within it."""
        return np.ndarray(place.shape, place.dtype, self.renewed, place.offset, place.strides)

    def renew(self) -> None:
        """Let the calls fill new memory."""
        self.renewed = np.empty(self.shape, self.dtype)
        self.pointers.move(address(self.renewed))

    def taken(self) -> Array:
        """Return what the calls have filled, and forget it."""
        filled, self.renewed = self.renewed, NOTHING
        return filled if filled.ndim < 2 else filled.transpose(self.axes)


def is_whole(place: Place, size: int) -> bool:
    """Whether an array is all of a block of `size` bytes, in some order of its axes."""
    expected = place.dtype.itemsize
    for axis in reversed(_order(place)):
        if place.strides[axis] != expected:
            return False
        expected *= place.shape[axis]
    return expected == size


def _order(place: Place) -> list[int]:
    """Return the axes from that of the longest steps in memory to that of the shortest."""
    return sorted(range(len(place.shape)), key=lambda axis: -place.strides[axis])
