"""Arrays that stand for CuPy's: NumPy's memory, CuPy's manners.

They meet no array of NumPy, stay 0-d where NumPy returns scalars, never warn, and note every wait
for the device (`waits`). New memory is poisoned and lies between guards, so that a write beyond an
array is seen, and what was never written, or lies beyond, is NaN.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from types import ModuleType
from typing import Any, NamedTuple

import numpy

from tests.cuda_on_host import capture, streams
from tests.cuda_on_host.streams import POISON

GUARD = 256  # bytes before and behind, filled with a number of four bytes
SIGNALLING = range(0x7F800001, 0x7FC00000)  # NaN that any arithmetic changes
allocations = count()
waits: list[str] = []
"""What made the host wait for the device, since somebody emptied the list."""
calls: list[str] = []
"""Functions of the library that launch a kernel on a GPU, since somebody emptied the list."""

VIEWS = {"broadcast_to", "empty_like", "expand_dims", "moveaxis", "reshape", "squeeze", "transpose"}
"""Functions that launch nothing."""

BROADCAST = {"broadcast_arrays", "broadcast_to"}
"""Functions whose results are never copies: what they lie in is written by others."""


MOST_JOINED = 8
"""Of more arrays, CuPy copies the addresses from the host to join them."""

here = threading.local()
"""`pool`: the memory pool of this thread, if it is not the default one."""


class MemoryPointer(NamedTuple):
    """Stands for cupy.cuda.MemoryPointer."""

    array: Any
    offset: int = 0

    @property
    def ptr(self) -> int:
        return int(self.array.ctypes.data) + self.offset

    def __add__(self, offset: int) -> "MemoryPointer":  # type: ignore[override]
        return MemoryPointer(self.array, self.offset + offset)


class MemoryPool:
    """Stands for cupy.cuda.MemoryPool: when it goes, what it has lent is anybody's."""

    def __init__(self) -> None:
        self.lent: list[numpy.ndarray] = []

    def malloc(self, size: int) -> None:
        """Only a name: `empty` draws on the pool of the thread."""

    def __del__(self) -> None:
        for memory in self.lent:
            memory[...] = POISON


@contextmanager
def using_allocator(malloc: Callable[[int], None]) -> Iterator[None]:
    """Stands for cupy.cuda.using_allocator."""
    before, here.pool = getattr(here, "pool", None), malloc.__self__  # type: ignore[attr-defined]
    try:
        yield
    finally:
        here.pool = before


class ndarray(numpy.ndarray[Any, Any]):
    """Stands for cupy.ndarray."""

    def __new__(cls, shape: Any, dtype: Any, memptr: MemoryPointer) -> Any:
        """Return the array at an address, in memory that must hold it."""
        memory = memptr.array
        assert (memory.dtype, memory.ndim, memptr.offset % 256) == (numpy.uint8, 1, 0)
        return super().__new__(cls, shape, dtype, memory, memptr.offset)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        for x in inputs:
            if type(x) is numpy.ndarray:
                raise TypeError(f"{ufunc.__name__}: Unsupported type {type(x)}")
        options = {name: on_host(x) for name, x in options.items()}
        capture.check_function(ufunc.__name__)
        calls.append(ufunc.__name__)
        return _run(getattr(ufunc, method), [*map(on_host, inputs)], options)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        kwargs = {name: on_host(x) for name, x in kwargs.items()}
        capture.check_function(func.__name__)
        if func.__name__ not in VIEWS:
            calls.append(func.__name__)
        return _run(func, [*map(on_host, args)], kwargs)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return namespace

    def __getitem__(self, key: Any) -> Any:
        found = on_device(super().__getitem__(key))
        capture.note(lambda: self.view(numpy.ndarray)[on_host(key)], found)
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        capture.note(lambda: self.view(numpy.ndarray).__setitem__(key, on_host(value)), None)

    @property
    def device(self) -> Any:
        return Device(0)

    @property
    def data(self) -> Any:
        return MemoryPointer(self)

    def __bool__(self) -> bool:
        return bool(_waited(self, "bool"))

    def __int__(self) -> int:
        return int(_waited(self, "int"))

    def __float__(self) -> float:
        return float(_waited(self, "float"))

    def astype(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs == {"copy": False} and self.dtype == args[0]:
            return self
        calls.append("astype")
        found = super().astype(*args, **kwargs)
        capture.note(lambda: self.view(numpy.ndarray).astype(*args, **kwargs), found)
        return found

    def get(self) -> Any:
        return _waited(self, "get").copy()

    def set(self, x: Any, stream: Any = None) -> None:
        if stream is None:
            _waited(self, "set")[...] = x
            return
        assert (x.shape, x.dtype) == (self.shape, self.dtype)
        assert x.flags.c_contiguous
        assert self.flags.c_contiguous
        stream.copy(memory_of(self), self.view(numpy.ndarray), x)

    def item(self, *at: Any) -> Any:
        return _waited(self, "item").item(*at)

    def tolist(self) -> Any:
        return _waited(self, "tolist").tolist()


def _run(function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call a function of NumPy on arrays of the host, and return those of the device."""
    with numpy.errstate(all="ignore"):
        found = on_device(function(*args, **kwargs))
    if getattr(function, "__name__", "") not in BROADCAST:
        capture.note(lambda: function(*args, **kwargs), found)
    return found


def _waited(x: ndarray, how: str) -> numpy.ndarray:
    capture.check_transfer(how)
    waits.append(how)
    return x.view(numpy.ndarray)


def on_host(x: Any) -> Any:
    """Return arrays of the device, in tuples and lists too, as NumPy's, with the same memory."""
    if type(x) in (tuple, list):
        return type(x)(map(on_host, x))
    if not isinstance(x, ndarray):
        return x
    if streams.uses:
        streams.used(memory_of(x))
    return x.view(numpy.ndarray)


def on_device(x: Any) -> Any:
    """Return NumPy's arrays and scalars, in tuples and lists too, as arrays of the device."""
    if type(x) in (tuple, list):
        return type(x)(map(on_device, x))
    return numpy.asarray(x).view(ndarray) if isinstance(x, numpy.ndarray | numpy.generic) else x


class Device:
    """Stands for cupy.cuda.Device."""

    def __init__(self, index: int) -> None:
        self.id = index
        self.entered = 0

    def __enter__(self) -> "Device":
        self.entered += 1
        streams.here.devices = [*getattr(streams.here, "devices", []), self.id]
        return self

    def __exit__(self, *_: object) -> None:
        streams.here.devices.pop()

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def use(self) -> None:
        self.entered += 1
        streams.here.devices = [*getattr(streams.here, "devices", [])[:-1], self.id]

    def synchronize(self) -> None:
        pass


class Namespace(ModuleType):
    """Stands for array_api_compat.cupy: NumPy's functions, that give arrays of the device."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(numpy, name)
        if isinstance(found, type) or not callable(found):
            return found

        def run(*args: Any, device: Any = None, **kwargs: Any) -> Any:
            if name == "asarray" and not isinstance(args[0], ndarray):
                capture.check_transfer(name)
            if name in ("concat", "stack") and len(args[0]) > MOST_JOINED:
                capture.check_transfer(f"{name} of many arrays")
            made = on_device(found(*args, **kwargs))
            if name not in BROADCAST:
                capture.note(lambda: found(*map(on_host, args), **kwargs), made)
            return made

        setattr(self, name, run)
        return run


namespace = Namespace("array_api_compat.cupy")


def empty(shape: Any, dtype: Any) -> ndarray:
    """Return a new array with guards around it, poisoned."""
    plain = numpy.empty(shape, dtype)
    memory = numpy.full(plain.nbytes + 2 * GUARD, POISON, numpy.uint8)
    number = SIGNALLING[next(allocations) % len(SIGNALLING)]  # no two arrays have the same
    memory[:GUARD] = memory[-GUARD:] = numpy.full(GUARD // 4, number, numpy.uint32).view(
        numpy.uint8
    )
    if (pool := getattr(here, "pool", None)) is not None:
        pool.lent.append(memory)
    inner: Any = memory.view("V1")[GUARD : GUARD + plain.nbytes].view(ndarray)  # "V1" is a mark
    return inner.view(plain.dtype).reshape(plain.shape)  # type: ignore[no-any-return]


def from_host(x: Any, dtype: Any = None) -> ndarray:
    """Return a copy on the device; an array that is there already stays."""
    if isinstance(x, ndarray) and dtype in (None, x.dtype):
        return x
    if not isinstance(x, ndarray):
        capture.check_transfer("asarray")
    host = numpy.asarray(on_host(x), dtype)
    copy = empty(host.shape, host.dtype)
    copy.view(numpy.ndarray)[...] = host
    capture.note(lambda: on_host(x), copy)
    return copy


def contiguous(x: ndarray) -> ndarray:
    """Return x in C order, a copy if it is in another."""
    if x.flags.c_contiguous:
        return x
    calls.append("copy")
    copy = empty(x.shape, x.dtype)
    copy.view(numpy.ndarray)[...] = on_host(x)
    capture.note(lambda: on_host(x), copy)
    return copy


def memory_of(x: ndarray) -> Any:
    """Return the bytes that an array of `empty` lies in, with its guards; None of another."""
    base: Any = x
    guarded = False
    while isinstance(base.base, numpy.ndarray):
        base = base.base
        guarded |= base.dtype == "V1"
    return base if guarded else None


def guards_hold(x: ndarray) -> bool:
    memory = memory_of(x)
    if memory is None:
        return True
    before, behind = memory[:GUARD].view(numpy.uint32), memory[-GUARD:].copy().view(numpy.uint32)
    number = int(before[0])
    return number in SIGNALLING and bool((before == number).all() and (behind == number).all())
