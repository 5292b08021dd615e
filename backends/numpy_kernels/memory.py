"""Memory that begins with a cache line, and memory that stays until the session ends.

Each step allocates the same arrays again. glibc returns large ones to the system at once, and new
pages cost more than the computation in them: without this, steps took 1.1 to 1.9 times as long.
Nothing changes on systems without `mallopt`.
"""

import ctypes
import math
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from .recording import Array

ALIGNED = 64  # bytes of a cache line
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of glibc's mallopt
_MOST = 2**31 - 1
_USUAL = 1 << 25  # where glibc's own adaptive threshold ends


def keep() -> None:
    """Keep memory that is freed from now on."""
    _set(_MOST, 1 << 30)


def release() -> None:
    """Return free memory to the system, now and as it becomes free."""
    if _set(2 * _USUAL, _USUAL):
        trim()


def trim() -> None:
    """Return the memory that is free now to the system."""
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        _library().malloc_trim(0)


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _set(trim: int, mmap: int) -> bool:
    """Set from which size on the free end of the heap is returned and arrays are mapped alone;
    return whether that can be set."""
    try:
        library = _library()
        library.mallopt(_TRIM_THRESHOLD, trim)
        library.mallopt(_MMAP_THRESHOLD, mmap)
    except (AttributeError, OSError, TypeError):  # not glibc
        return False
    return True


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array that begins with a cache line, with any numbers in it.

    NumPy's begin 16 bytes behind one, so that each vector of 64 bytes lies in two: reading and
    writing a batch a vector at a time takes up to 1.2 times as long.
    """
    memory = np.empty(math.prod(shape) * dtype.itemsize + ALIGNED, np.uint8)
    return np.ndarray(shape, dtype, memory, -int(memory.ctypes.data) % ALIGNED)
