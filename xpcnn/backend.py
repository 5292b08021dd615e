"""The door between the framework and the array libraries.

`load(name)` opens `backends/<name>_backend.py`; no other file knows that the folder exists. After
that the arrays decide: an op looks up the fast kernels of its first argument's type with `fast`.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Protocol

import numpy

from xpcnn import random
from xpcnn.errors import BackendError, hint, nearest
from xpcnn.options import find
from xpcnn.types import Array, Namespace, Shape

_PACKAGE = f"{__package__}.backends"
_HERE = Path(__file__).parent

if not (_HERE / "backends").is_dir():  # a source checkout: the folder stands beside the package
    _folder = _HERE.parent / "backends"
    _spec = spec_from_file_location(
        _PACKAGE, _folder / "__init__.py", submodule_search_locations=[str(_folder)]
    )
    assert _spec is not None
    sys.modules[_PACKAGE] = module_from_spec(_spec)  # its file is empty: nothing to execute

Kernels = Mapping[str, Callable[..., Any]]

NAMES = ("numpy", "cupy", "torch", "array_api_strict")

_kernels: dict[type, Kernels] = {}  # by array type: the only state of the package


class Library(Protocol):
    """What a backend module brings: an object of its class `Library`, made by `Library(device)`.

    The module also has `problem(device) -> tuple[str, str] | None`: why the library cannot be used
    here, in words, and the one command or action that mends it; None when it can.
    Optional: `uniform(key, step, shape)`, the numbers of `xpcnn.random` computed on the device;
    `session()`, a context around long work; and `warm_up()`, see `Backend`.
    """

    xp: Namespace
    array_type: type
    device: Any
    kernels: Kernels

    def from_host(self, x: numpy.ndarray) -> Array: ...
    def to_host(self, x: Array) -> numpy.ndarray: ...
    def synchronize(self) -> None: ...
    def memory(self) -> dict[str, int]: ...
    def describe(self) -> dict[str, str]: ...


class Backend:
    """One array library on one device.

    `xp` is its array API namespace, `from_host` and `to_host` move arrays (`to_host` returns
    C-contiguous NumPy arrays), `uniform` draws the numbers of `xpcnn.random` on the device,
    `memory` gives bytes in use by name, `describe` what the library says of itself, and `session()`
    is a context in which a library may take threads for long work. `warm_up()` does what the first
    step would wait for, such as compiling kernels, and yields lines for a person: what takes time,
    before it begins, and what is slower than it could be.
    """

    def __init__(self, name: str, library: Library, opened_with: str | int | None = None) -> None:
        """opened_with: the device that was asked for."""
        self.name = name
        self.opened_with = opened_with
        self.xp = library.xp
        self.array_type = library.array_type
        self.device = library.device
        self.from_host = library.from_host
        self.to_host = library.to_host
        self.synchronize = library.synchronize
        self.memory = library.memory
        self.describe = library.describe
        self.session: Callable[[], AbstractContextManager[None]]
        self.session = getattr(library, "session", nullcontext)
        self.warm_up: Callable[[], Iterable[str]] = getattr(library, "warm_up", tuple)
        self._uniform = getattr(library, "uniform", None)

    def uniform(self, key: int, step: int | Array, shape: Shape) -> Array:
        """Return float32 uniforms in [0, 1): the same bits on every backend."""
        if self._uniform is not None:
            return self._uniform(key, step, shape)
        return self.from_host(random.uniform(key, step, shape))

    def dtype(self, name: str) -> Any:
        """Return the library's dtype of that name."""
        return getattr(self.xp, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Backend":
        return self  # a device is not copied

    def __repr__(self) -> str:
        return f"Backend({self.name!r}, device={str(self.device)!r})"


def problem(name: str, device: str | int | None = None) -> tuple[str, str] | None:
    """Return why a backend cannot be used here and what mends it, in words; None when it can."""
    found: tuple[str, str] | None = _module(name).problem(device)
    return found


def load(name: str = "numpy", device: str | int | None = None) -> Backend:
    """Open an array library, by name in any case, and make its fast kernels known to the ops.

    Raises:
        BackendError: there is no such backend, or it cannot be used here; says why and what to do.
    """
    name = find(name, NAMES) or name
    found = problem(name, device)
    if found is not None:
        sentence, remedy = found
        raise BackendError(hint(f"backend {name!r} cannot be used: {sentence}", remedy))
    library: Library = _module(name).Library(device)
    _kernels[library.array_type] = library.kernels
    return Backend(name, library, device)


def fast(x: Array, op: str) -> Callable[..., Any] | None:
    """Return the kernel of `op` for arrays of x's type, or None."""
    kernels = _kernels.get(type(x))
    return None if kernels is None else kernels.get(op)


def drop_kernels() -> None:
    """Forget every kernel until the next `load`: all ops run as their references."""
    _kernels.clear()


def _module(name: str) -> Any:
    """Import the file of a backend."""
    if name not in NAMES:
        raise BackendError(hint(f"unknown backend {name!r}", nearest(name, NAMES)))
    return importlib.import_module(f"{_PACKAGE}.{name}_backend")
