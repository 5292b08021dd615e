"""Sums in memory that the processes of one machine share, for engines of every kind. On Linux.

Each process has a region that all can read and write, and a sum takes three meetings:

    fill      each process writes its numbers into its own region
    meet
    sum       process r adds part r of all other regions to part r of its own
    meet
    gather    each process copies the other parts from the regions of those that summed them
    meet      nobody fills its region again before all have read it

One process makes each number, so all get the same bits. MPI and gloo pass what they sum on in small
portions: two processes took 3 to 4 times as long for 102 MB.

A region is memory without a name, a "memfd": it ends with its processes, however these end, and is
not bounded by the size of /dev/shm. The others open it by the number of its process.
"""

import mmap
import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy

Array = numpy.ndarray[Any, numpy.dtype[Any]]

SMALLEST = 1 << 16
"""Bytes from which an array is summed here: MPI sums a smaller one in less than three meetings."""

_NUMPY = numpy.ndarray, numpy.generic
_WORD = 16  # bytes by which a process knows the region of another


class SharedMemory:
    """The regions of all processes of a group, if they run on one machine.

    rank, gather: of the group, see `xpcnn.process_group.Group`. meet: returns when all processes
    have called it; each sees then what the others have written before. otherwise: sums arrays that
    are not of this memory.
    """

    def __init__(
        self,
        rank: int,
        gather: Callable[[Any], list[Any]],
        meet: Callable[[], object],
        otherwise: Callable[[Any], Any],
    ) -> None:
        self._rank, self._gather, self._meet, self._otherwise = rank, gather, meet, otherwise
        self._regions: list[mmap.mmap] = []
        self._is_shared: bool | None = None  # None: not tried yet
        self._lent: list[Array] = []  # views of what `lend` has returned, of all regions

    def lend(self, size: int, like: Any) -> Array | None:
        """Return memory for an array (size,) to be summed; None if none is shared, if the array is
        small, or if `like` is not NumPy's: an array or a single number.

        All processes call this with the same arguments. It is valid until the next call.
        """
        needed = size * like.dtype.itemsize if isinstance(like, _NUMPY) else 0
        if needed < SMALLEST:
            self._lent = []
            return None
        if self._is_shared is not False and self._bytes() < needed:
            self._open(needed)
        if not self._is_shared:
            return None
        self._lent = [numpy.frombuffer(region, like.dtype, size) for region in self._regions]
        return self._lent[self._rank]

    def sum(self, x: Any) -> Any:
        """Sum over all processes, in place if x is what was lent last; all call this."""
        if not self._lent or x is not self._lent[self._rank]:
            return self._otherwise(x)
        own, all_of_them = self._lent[self._rank], self._lent
        size, count = len(own), len(all_of_them)
        parts = [slice(*ends) for ends in pairwise(size * i // count for i in range(count + 1))]
        mine = parts[self._rank]
        self._meet()
        for other in all_of_them:
            if other is not own:
                own[mine] += other[mine]
        self._meet()
        for part, other in zip(parts, all_of_them, strict=True):
            if other is not own:
                own[part] = other[part]
        self._meet()
        return own

    def _bytes(self) -> int:
        return len(self._regions[0]) if self._regions else 0

    def _open(self, size: int) -> None:
        """Give each process a region, and open those of the others; in place of any before."""
        self._lent, self._regions = [], []
        word, file = os.urandom(_WORD), _memory(size)
        if file is not None:
            os.pwrite(file, word, 0)
        told = self._gather((os.getpid(), file, word))
        regions = [_opened(process, other, word, size) for process, other, word in told]
        found = [region for region in regions if region is not None]
        self._is_shared = all(self._gather(len(found) == len(told)))
        if self._is_shared:
            self._regions = found
        if file is not None:
            os.close(file)  # all have opened it


def _memory(size: int) -> int | None:
    """Return the file of new memory, or None if the system has none of the kind."""
    if not hasattr(os, "memfd_create"):
        return None
    file = os.memfd_create("xpcnn")
    os.ftruncate(file, size)  # taken from the system when it is written
    return file


def _opened(process: int, file: int | None, word: bytes, size: int) -> mmap.mmap | None:
    """Return the region of a process; None if it cannot be opened, as on another machine."""
    if file is None:
        return None
    try:
        with open(f"/proc/{process}/fd/{file}", "r+b") as opened:
            region = mmap.mmap(opened.fileno(), size)
    except (OSError, ValueError):
        return None
    return region if region[:_WORD] == word else None
