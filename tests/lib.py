"""An array library as tests see it: a name, a backend, and arrays made of literal values."""

import copy
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy
import pytest

from tests.fake_cupy import cupy_on_host
from xpcnn import backend
from xpcnn.backend import Backend, Kernels
from xpcnn.types import Array

Host: TypeAlias = numpy.ndarray[Any, Any]

LIBS = {
    "numpy": "numpy",
    "numpy-plain": "numpy",
    "numpy-no-kernels": "numpy",
    "numpy-read-only": "numpy",
    "array-api-strict": "array_api_strict",
    "torch": "torch",
    "cupy": "cupy",
    "cupy-on-host": "cupy",
}
"""The backend of every way to run a test; numpy-plain is NumPy without the kernels in C."""


@dataclass(frozen=True)
class Lib:
    """`asarray` takes values to the library, `to_host` takes an array back as a NumPy array."""

    name: str
    backend: Backend

    def asarray(self, values: Any, dtype: str | None = None) -> Array:
        """Return a new array; Python floats become float64, host arrays keep dtype and order."""
        return self.backend.from_host(numpy.array(values, dtype))

    def to_host(self, x: Array) -> Host:
        return self.backend.to_host(x)


def open_lib(name: str) -> Lib:
    """Open one of `LIBS`, or skip the test by name."""
    if name == "cupy-on-host":
        return Lib(name, cupy_on_host())
    reason = _problem(LIBS[name])
    if reason is not None:
        pytest.skip(f"{name}: {reason}")
    opened = backend.load(LIBS[name])
    if name == "numpy-plain":
        backend._kernels[numpy.ndarray] = plain_kernels()
    if name == "numpy-no-kernels":
        backend._kernels.clear()
    if name == "torch":  # on small arrays, threads that wait for each other take most of the time
        import_module("torch").set_num_threads(1)
    if name == "numpy-read-only":
        opened.from_host = _read_only
    return Lib(name, opened)


def strided(lib: Lib) -> Lib:
    """Return the same library with new arrays laid out in memory with their axes reversed."""
    opened = copy.copy(lib.backend)

    def from_host(x: Host) -> Array:
        axes = tuple(reversed(range(x.ndim)))
        return opened.xp.permute_dims(lib.backend.from_host(x.transpose(axes).copy()), axes)

    opened.from_host = from_host
    return Lib(f"{lib.name}, strided", opened)


@cache
def plain_kernels() -> Kernels:
    """Return NumPy's kernels without those in C, as a machine without a compiler has them."""
    numpy_kernels = import_module("xpcnn.backends.numpy_kernels")
    in_c = numpy_kernels.compiled.KERNELS
    return {
        name: getattr(kernel, "__wrapped__", kernel)  # the second of `first_that_serves`
        for name, kernel in numpy_kernels.KERNELS.items()
        if kernel is not in_c.get(name)
    }


def is_absent(name: str | None) -> bool:
    """Whether it is the name of one of `LIBS` that cannot be opened here."""
    return name in LIBS and name != "cupy-on-host" and _problem(LIBS[name]) is not None


@cache
def _problem(name: str) -> str | None:
    found = backend.problem(name)
    return None if found is None else found[0]


def _read_only(x: Host) -> Host:
    """Return a copy of x, in x's memory order, that nobody may write into."""
    copy = numpy.array(x)
    copy.flags.writeable = False
    return copy
