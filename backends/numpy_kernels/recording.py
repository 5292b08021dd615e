"""NumPy calls that a recorder is told of, so that they can be made again: see compiled/plan.py.

`fill` is for calls within kernels whose results other calls read. What is computed without it, a
recorder cannot know, and records nothing.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[..., Any]


class Recorder(Protocol):
    """What is told of every call that has been made, of C and of NumPy."""

    def add(self, call: Any, arguments: tuple[Any, ...]) -> None: ...

    def add_numpy(
        self, function: Function, out: Array, arrays: Sequence[Array], options: dict[str, Any]
    ) -> None: ...


class Listening(threading.local):
    """The recorder of each thread."""

    recording: Recorder | None = None


listening = Listening()


def fill(function: Function, out: Array, *arrays: Array, **options: Any) -> Array:
    """Call function(*arrays, out=out, **options), which fills `out`, and return `out`."""
    function(*arrays, out=out, **options)
    if listening.recording is not None:
        listening.recording.add_numpy(function, out, arrays, options)
    return out


def contiguous(x: Array) -> Array:
    """Return x in the order of its axes, without a copy if its memory has that order."""
    return x if x.flags.c_contiguous else copied(np.empty(x.shape, x.dtype), x)


def copied(out: Array, x: Array) -> Array:
    """Write x into `out`, in whose memory order it is then, and return `out`."""
    return fill(_copy, out, x)


def summed(x: Array, axis: int) -> Array:
    """Return the sums along an axis, of the dtype of x."""
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    return fill(np.add.reduce, np.empty(shape, x.dtype), x, axis=axis)


def _copy(x: Array, *, out: Array) -> None:
    np.copyto(out, x)
