"""Calls of C, one after another, whose arguments are known: made again by one call (calls.c)."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from .shared_library import LONG, Call, address, exported, failed


class Repeated:
    """Calls with their arguments, whose arrays the caller keeps alive: repeated() makes them.

    words: the arguments of all calls one after another, which may be changed between two runs.
    """

    def __init__(self, calls: Sequence[tuple[Call, Sequence[Any]]]) -> None:
        """Pack the arguments.

        Raises:
            BufferError: an array is not aligned.
        """
        self.ops = [call.op for call, _ in calls]
        packed = [call.packed(arguments) for call, arguments in calls]
        sizes, words = np.asarray([len(one) for one in packed]), b"".join(packed)
        self.words = (ctypes.c_long * (len(words) // LONG.itemsize)).from_buffer_copy(words)
        self.rows = np.zeros((len(calls) + 1, 3), LONG)  # `Repeated` of calls.c
        self.rows[:-1, 0] = [_address_of_function(call) for call, _ in calls]
        self.rows[:-1, 1] = ctypes.addressof(self.words) + np.cumsum(sizes) - sizes
        self.repeat, self.first = exported("repeat"), ctypes.c_void_p(address(self.rows))

    def __call__(self) -> Any:
        """Make the calls until one fails, which is told as `Call` does."""
        missing = self.repeat(self.first)
        return failed(self.ops[np.flatnonzero(self.rows[:, 2])[0]], missing) if missing else None


def _address_of_function(call: Call) -> Any:
    return ctypes.cast(call.function, ctypes.c_void_p).value
