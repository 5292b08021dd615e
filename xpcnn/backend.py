"""The interface between the framework and the array libraries.

`load(name)` imports `backends/<name>_backend.py`. After that, arrays decide: an op looks up the
kernel for the type of its first argument by `kernel_for`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Protocol

import numpy

from xpcnn import random
from xpcnn.backends_folder import backend_module
from xpcnn.engines import group as group  # users call `xpcnn.backend.group()`
from xpcnn.errors import BackendError, hint, nearest
from xpcnn.options import check_switches, find
from xpcnn.types import Array, Namespace, Shape

Kernels = Mapping[str, Callable[..., Any]]
Replay = Callable[..., Any]

NAMES = ("numpy", "cupy", "torch", "array_api_strict")
ON_ALL = ("float32", "float64")
"""Names of the dtypes that every backend computes in."""

_kernels: dict[type, Kernels] = {}  # by array type; the only state of the package


class ArrayLibrary(Protocol):
    """What `open_library(device)` of each module in `backends/` returns.

    The module also has `problem(device) -> tuple[str, str] | None`: why the library cannot be used
    here and the command or action that fixes it, or None if it can be used. Optional methods:
    `uniform(key, step, shape, first)`, the numbers of `xpcnn.random` computed on the device, or
    NotImplemented;
    `half_precision`, names of dtypes of half precision that it computes in, by default none;
    `allow_tf32(on)`, which switches TF32, or returns why the device has none, and `tf32`, whether
    it is on, at first False; work within `session()` is computed as it says;
    `session()`, a context manager around long work; `uploaded()`, `warm_up()`, `replay()`,
    `compile_step()` and `conv_methods()`, see `Backend`.
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

    Made by `load`. Attributes and methods:

    name, device, xp, array_type: of the library; `xp` is its array API namespace.
    from_host(x), to_host(x): move an array from and to NumPy; `to_host` returns a C-contiguous one.
    uploaded(batches): yield the arrays of an iterable as arrays of the device, each valid until the
        next is asked for. uploads_ahead: whether they are copied while the device computes, so that
        it pays to ask for the next in a thread.
    half_precision: names of the dtypes of half precision that the library computes in.
    tf32: whether products of float32 may be computed in TF32. allow_tf32(on): switch it.
    uniform(key, step, shape, first=0): the numbers of `xpcnn.random`, on the device.
    dtype(name): the library's dtype, such as that of "float32".
    synchronize(): wait until the device has finished.
    memory(): bytes in use, by name.
    describe(): versions and devices of the library, by name.
    conv_methods(): the method that was timed as the fastest on the device, by convolution, both as
        text; empty for libraries that time none.
    session(): a context manager around work of one thread, for which the library may start threads
        of its own, and in which the device of the backend is the current one.
    warm_up(): do what the first step would wait for, such as compiling kernels; yields lines for
        people about what takes time and what is slower than it could be.
    replay(may_record, lent=0): make a function replay(run, key, x, *others) that returns
        run(x, *others). The library may record the calls that run makes, and repeat the recorded
        calls, without run, for an equal key.
        run: a pure function of the array x, of `others` (arrays, whole numbers and other objects,
            also in nested dictionaries and tuples), and of objects that never change while the key
            is the same. In place of a whole number it may get a 0-d array.
        may_record(*others): whether run makes the same calls whatever numbers the arrays hold; if
            not, run is called each time.
        lent: how many of the first items of the result, a tuple, may be arrays that the next call
            fills again; all others are new.
    compile_step(may_record): make a function steps(run, key, state, *given) that returns
        run(state, *given), a state of the same form. The library may record what run launches, and
        repeat that, without run, while the key is the same object. All arrays of a result are new.
        run: a pure function of state and given.
        state: a tuple of tuples of arrays, which may be nested in dictionaries. An array or
            dictionary of a state that steps returned must be unchanged when it is given again.
        given: arrays and whole numbers in tuples; a whole number may become a 0-d array.
        may_record(key): whether run makes the same calls whatever numbers the arrays hold.
        steps.problem: why steps could not be recorded, if so. steps.wants_batches: True if it pays
            to make batches in run too.
    library, opened_with, has_kernels: arguments of the constructor: an `ArrayLibrary`; the device
        as the user named it, or None; False where XPCNN_KERNELS=off leaves all to the references.
    """

    def __init__(
        self,
        name: str,
        library: ArrayLibrary,
        opened_with: str | int | None = None,
        has_kernels: bool = True,
    ) -> None:
        self.name = name
        self.opened_with = opened_with
        self.xp = library.xp
        self.array_type = library.array_type
        self.device = library.device
        self.from_host = library.from_host
        self.to_host = library.to_host
        self.synchronize = library.synchronize
        self.memory = library.memory
        self.describe = library.describe if has_kernels else partial(_without_kernels, library)
        self.conv_methods: Callable[[], dict[str, str]] = getattr(library, "conv_methods", dict)
        self.session: Callable[[], AbstractContextManager[None]]
        self.session = getattr(library, "session", nullcontext)
        self.warm_up: Callable[[], Iterable[str]] = tuple
        if has_kernels:
            self.warm_up = getattr(library, "warm_up", tuple)
        self.replay: Callable[..., Replay]
        self.replay = getattr(library, "replay", lambda may_record, lent=0: direct)
        self.compile_step: Callable[..., Replay] = lambda may_record: direct
        if has_kernels:
            self.compile_step = getattr(library, "compile_step", self.compile_step)
        self.uploads_ahead = hasattr(library, "uploaded")
        self.uploaded: Callable[[Iterable[numpy.ndarray]], Iterator[Array]]
        self.uploaded = getattr(library, "uploaded", partial(map, library.from_host))
        self.half_precision: tuple[str, ...] = getattr(library, "half_precision", ())
        self._library = library
        self._uniform = getattr(library, "uniform", None) if has_kernels else None

    def uniform(self, key: int, step: int | Array, shape: Shape, first: int = 0) -> Array:
        """Return float32 uniforms in [0, 1), the same bits on every backend.

        key: of the random stream, see `xpcnn.random.key`.
        step: at least 0, a Python int or a 0-d array on the device.
        shape: of the result.
        first: index of its first element, above 0 for a part of a larger array.
        """
        if self._uniform is not None:
            drawn = self._uniform(key, step, shape, first)
            if drawn is not NotImplemented:
                return drawn
        return self.from_host(random.uniform(key, step, shape, first))

    def describe_for(self, dtype: str) -> dict[str, str]:
        """Return `describe()` for a network that computes in a dtype: Winograd's algorithm, where
        the library has it, is of float32."""
        facts = self.describe()
        return facts | {"winograd": "off"} if "winograd" in facts and dtype != "float32" else facts

    def dtype(self, name: str) -> Any:
        """Return the library's dtype called `name`, such as "float32"."""
        return getattr(self.xp, name)

    def check_computes_in(self, dtype: str, saved: bool = False) -> None:
        """Require a dtype that the library computes in: "float32", "float64" or half precision.

        saved: whether it is that of a saved model, so that only another backend helps.

        Raises:
            BackendError: it is of half precision, and not one of `half_precision`.
        """
        if dtype in (*ON_ALL, *self.half_precision):
            return
        others = [repr(name) for name in (*self.half_precision, "float32")]
        advice = f"dtype {' or '.join(others)}, or backend 'torch', which has both"
        if saved:
            advice = "backend 'torch' (--backend torch), as the model was saved to compute in it"
        raise BackendError(hint(f"backend {self.name!r} does not compute in {dtype}", advice))

    @property
    def tf32(self) -> bool:
        return bool(getattr(self._library, "tf32", False))

    def allow_tf32(self, on: bool = True) -> None:
        """Let products of float32 be computed in TF32, or forbid it.

        TF32 rounds the factors to 11 bits, where float32 has 24, and adds up in float32. `load`
        switches it off, whatever the library's own variables and functions said before. The library
        has one switch for the whole process: it is set here, and within `session()`, in which
        models train and predict, to what was said here of this backend.

        on: True to let the library use it, False to forbid it.

        Raises:
            BackendError: the device has no TF32, which is of NVIDIA GPUs since Ampere.
            ConfigError: on is neither True nor False.
        """
        check_switches(on=on)
        switch = getattr(self._library, "allow_tf32", None)
        reason = "TF32 is of NVIDIA GPUs" if switch is None else switch(on)
        if reason is not None:
            message = f"backend {self.name!r} on {self.device} has no TF32 ({reason})"
            advice = "backend 'cupy', or 'torch' on device 'cuda'; or leave TF32 out"
            raise BackendError(hint(message, advice))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Backend":
        return self  # a device is not copied

    def __repr__(self) -> str:
        return f"Backend({self.name!r}, device={str(self.device)!r})"


def direct(run: Callable[..., Any], key: Any, x: Array, *others: Any) -> Any:
    """Return run(x, *others), whatever the key: the `replay` of libraries that record nothing."""
    return run(x, *others)


def _without_kernels(library: ArrayLibrary) -> dict[str, str]:
    """Return what the library says of itself, without the kernels that do not run."""
    facts = library.describe()
    off = {"kernels": "off by XPCNN_KERNELS: the references compute", "winograd": "off"}
    return facts | {name: text for name, text in off.items() if name in facts}


def _kernels_switch() -> str:
    """Return what XPCNN_KERNELS says, "on" by default."""
    return os.environ.get("XPCNN_KERNELS") or "on"


def problem(name: str, device: str | int | None = None) -> tuple[str, str] | None:
    """Return why a backend cannot be used here and what fixes that, as texts; None if it can.

    name: one of `NAMES`.
    device: number or name of a device of the library, or None for its default.

    Raises:
        BackendError: there is no backend of that name.
    """
    if (switch := _kernels_switch()) not in ("on", "off"):
        message = f"XPCNN_KERNELS is {switch!r}, expected 'on' or 'off'"
        return message, "XPCNN_KERNELS=off, or unset it for the fast kernels"
    found: tuple[str, str] | None = _module(name).problem(device)
    return found


def dtypes(name: str) -> tuple[str, ...]:
    """Return the names of the dtypes that a backend computes in, installed here or not.

    name: one of `NAMES`.

    Raises:
        BackendError: there is no backend of that name.
    """
    return (*ON_ALL, *getattr(_module(name).open_library, "half_precision", ()))


def load(name: str = "numpy", device: str | int | None = None) -> Backend:
    """Return the backend of an array library, and register its fast kernels for the ops.

    With the environment variable XPCNN_KERNELS=off no kernel is registered, and every op and every
    update of an optimizer is computed by its reference.

    name: "numpy", "cupy", "torch" or "array_api_strict", in upper or lower case.
    device: number or name of a device of the library, or None for its default.

    Raises:
        BackendError: there is no backend of that name, or it cannot be used here; the message says
            why and what to do.
    """
    name = find(name, NAMES) or name
    found = problem(name, device)
    if found is not None:
        sentence, remedy = found
        raise BackendError(hint(f"backend {name!r} cannot be used: {sentence}", remedy))
    library: ArrayLibrary = _module(name).open_library(device)
    has_kernels = _kernels_switch() == "on"
    _kernels[library.array_type] = library.kernels if has_kernels else {}
    return Backend(name, library, device, has_kernels)


def kernel_for(x: Array, op: str) -> Callable[..., Any] | None:
    """Return the kernel of the op called `op` for arrays of the type of x, or None."""
    kernels = _kernels.get(type(x))
    return None if kernels is None else kernels.get(op)


def without_map(x: Any) -> Any:
    """Return a memory map of NumPy as the numpy.ndarray of its numbers, without a copy.

    x: of any type; all else is returned as it is.
    """
    return numpy.asarray(x) if isinstance(x, numpy.memmap) else x


def _module(name: str) -> Any:
    """Import the module of the backend called `name`."""
    if name not in NAMES:
        raise BackendError(hint(f"unknown backend {name!r}", nearest(name, NAMES)))
    return backend_module(f"{name}_backend")
