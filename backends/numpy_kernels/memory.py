"""Memory that a session frees stays with the process until the session ends.

Every step allocates the arrays of the step before anew. glibc gives large ones back to the system
at once, and fresh pages cost more than what is computed in them: without this, steps took 1.1 to
1.9 times as long. Systems without `mallopt` keep their own ways.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of glibc's mallopt
_MOST = 2**31 - 1
_USUAL = 1 << 25  # where glibc's own adaptive threshold ends


def keep() -> None:
    """Keep what is freed from now on."""
    _set(_MOST, 1 << 30)


def release() -> None:
    """Give back to the system what is free, and from now on what becomes free."""
    library = _set(2 * _USUAL, _USUAL)
    if library is not None:
        library.malloc_trim(0)


def _set(trim: int, mmap: int) -> ctypes.CDLL | None:
    """Set from which size on the free end of the heap is returned and arrays are mapped alone."""
    try:
        library = ctypes.CDLL(None)
        library.mallopt(_TRIM_THRESHOLD, trim)
        library.mallopt(_MMAP_THRESHOLD, mmap)
    except (AttributeError, OSError, TypeError):  # not glibc
        return None
    return library
