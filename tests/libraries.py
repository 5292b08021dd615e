"""The array libraries that the tests run on, each as a pair of moves: to it and from it.

A library that is not installed skips the test by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import pytest

from xpcnn.types import Array

Host = numpy.ndarray[Any, Any]


@dataclass(frozen=True)
class Library:
    """`move` takes a host array to the library, `fetch` takes it back; `dtype` is for floats."""

    move: Callable[[Host], Array]
    fetch: Callable[[Array], Host]
    dtype: str = "float64"

    def array(self, values: Any) -> Array:
        """Return floating-point values as an array of the library."""
        return self.move(numpy.asarray(values, dtype=self.dtype))


def _numpy(dtype: str) -> Library:
    return Library(numpy.asarray, numpy.asarray, dtype)


def _read_only() -> Library:
    def move(x: Host) -> Host:
        y = x.copy()
        y.flags.writeable = False
        return y

    return Library(move, numpy.asarray, "float32")


def _strict() -> Library:
    xp = pytest.importorskip("array_api_strict")
    device, host = xp.Device("device1"), xp.Device("CPU_DEVICE")
    return Library(
        lambda x: xp.asarray(x, device=device), lambda x: numpy.asarray(x.to_device(host))
    )


def _torch() -> Library:
    torch = pytest.importorskip("torch")
    return Library(torch.asarray, lambda x: numpy.asarray(x), "float32")


def _cupy() -> Library:
    xp = pytest.importorskip("cupy")
    return Library(xp.asarray, xp.asnumpy, "float32")


LIBRARIES: dict[str, Callable[[], Library]] = {
    "numpy-float32": lambda: _numpy("float32"),
    "numpy-float64": lambda: _numpy("float64"),
    "numpy-read-only": _read_only,
    "array-api-strict": _strict,
    "torch": _torch,
    "cupy": _cupy,
}
