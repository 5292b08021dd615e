"""The kernels in C, loaded with ctypes: those of the package, or compiled once on this machine.

ctypes releases the interpreter's lock for the length of a call, and the threads of these kernels
never take it. NumPy's calls hand it back and forth between threads, which costs more than most
passes over a small batch: there two threads are no faster than one.

Without either, NumPy calls compute everything, as they do for ops without a kernel in C.
`XPCNN_COMPILER` names the compiler, with options if need be (`ccache gcc`), or is `none`.
`XPCNN_MARCH` is the processor to compile for, a value of the compiler's -march such as
`x86-64-v3`; by default `native`, that of the machine. Where one of the two is set, the libraries of
the package are not used.
"""

import ctypes
import os
import struct
from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy

from ..layout import Array
from ..recording import contiguous, listening
from . import build, library_cache, prebuilt
from .build import Recipe

KINDS = {
    **dict.fromkeys("tpo", "P"),
    "l": "l",
    "d": "d",
    "f": "f4x",
}  # all of 8 bytes, see `struct`
COMPILERS = ("cc", "gcc", "clang")
WITHOUT = "XPCNN_COMPILER=none"
FLOAT32 = numpy.dtype(numpy.float32)
LONG = numpy.dtype(ctypes.c_long)  # of tables
NOT_SERVED = -1  # what C returns where it is not made for the values in the arrays


class Kernels(NamedTuple):
    """The kernels in C, if they are in use.

    calls: the C functions by name, or None.
    status: why C kernels are or are not in use.
    """

    calls: ctypes.CDLL | None
    status: str


@cache
def load() -> Kernels:
    """Return the compiled kernels; the first call on a machine compiles them, in seconds."""
    if os.environ.get("XPCNN_COMPILER") == "none":
        return Kernels(None, f"NumPy's, since {WITHOUT}")
    if os.name != "posix":
        return Kernels(None, f"NumPy's, since those in C need POSIX threads, not {os.name}")
    if (found := _of_the_package()) is not None:
        calls, march = found
        version, instructions = (_said(calls, name) for name in ("compiled_by", "instruction_set"))
        return Kernels(
            calls, f"in C for float32, of the package ({version}), for {march} ({instructions})"
        )
    recipes = _recipes()
    if not recipes:
        missing = os.environ.get("XPCNN_COMPILER") or ", ".join(COMPILERS)
        return Kernels(None, f"NumPy's, since there is no C compiler {missing}")
    try:
        calls, recipe = _loaded(recipes)
    except OSError as error:
        return Kernels(None, f"NumPy's, since those in C could not be made: {error}")
    march = recipe.march or "its default processor"
    if not _exported(calls, "runs_here")():
        return Kernels(None, f"NumPy's, since this processor cannot run XPCNN_MARCH={march}")
    version, instructions = (_said(calls, name) for name in ("compiled_by", "instruction_set"))
    by = f"{recipe.compiler} ({version})"
    return Kernels(calls, f"in C for float32, compiled by {by} for {march} ({instructions})")


def _of_the_package() -> tuple[ctypes.CDLL, str] | None:
    """Return the library of the package and what it is for, unless variables ask for another."""
    if os.environ.get("XPCNN_COMPILER") or os.environ.get("XPCNN_MARCH"):
        return None
    return prebuilt.load()


def will_compile() -> bool:
    """Whether the kernels in C have yet to be compiled, which takes seconds."""
    if os.environ.get("XPCNN_COMPILER") == "none" or os.name != "posix":
        return False
    if _of_the_package() is not None:
        return False
    try:
        return not library_cache.is_cached(recipes) if (recipes := _recipes()) else False
    except OSError:  # no home folder; `load` says so
        return False


def unknown_compiler() -> str | None:
    """Return the compiler that XPCNN_COMPILER names, if there is no such program."""
    name = os.environ.get("XPCNN_COMPILER")
    return name if name and name != "none" and not build.command_of(name) else None


def _recipes() -> list[Recipe]:
    """Return ways to compile, the best first; an empty list without a compiler."""
    name = os.environ.get("XPCNN_COMPILER")
    named = [name] if name else COMPILERS
    found = [command for c in named if (command := build.command_of(c))]
    march = os.environ.get("XPCNN_MARCH")
    # some compilers do not know `native`
    return [Recipe(found[0], m) for m in ([march] if march else ["native", None])] if found else []


def _loaded(recipes: list[Recipe]) -> tuple[ctypes.CDLL, Recipe]:
    """Load the kernels by the first recipe that works.

    Raises:
        OSError: none works; the message says why the first does not.
    """
    first, *others = recipes
    try:
        return library_cache.load(first), first
    except (PermissionError, TimeoutError):
        raise
    except OSError:
        for other in others:
            try:
                return library_cache.load(other), other
            except OSError:
                continue
        raise


def _said(calls: ctypes.CDLL, name: str) -> str:
    function = _exported(calls, name)
    function.restype = ctypes.c_char_p
    text: bytes = function()
    return text.decode()


def _exported(calls: ctypes.CDLL, name: str) -> Any:
    return getattr(calls, build.PREFIX + name)


def serves(x: Array) -> bool:
    """Whether the kernels in C serve this array, and those that come with it."""
    return x.dtype == FLOAT32 and x.size > 0 and load().calls is not None


def vector(x: Array | None) -> Array | None:
    """Return a vector without gaps in memory; None for None."""
    return None if x is None else contiguous(x)


class Call:
    """An exported C function, which returns 0, NOT_SERVED or the number of bytes that it could not
    allocate.

    kinds: of its arguments, the fields of a structure in C: l, d, f for long, double, float; for
    pointers p where the function reads, o where it fills, and t for a table that depends on shapes
    alone. A pointer is to the memory of an array without gaps, or None. op: what the function
    computes.
    """

    def __init__(self, name: str, kinds: str, op: str | None = None) -> None:
        self.name, self.op, self.kinds = name, op or name, kinds.replace(" ", "")
        self.layout = struct.Struct("".join(KINDS[kind] for kind in self.kinds))

    def __call__(self, *arguments: Any) -> Any:
        """Call the function; return NotImplemented if it does not serve the values in the arrays.

        Raises:
            MemoryError: it could not allocate memory; the message has the op and the bytes.
        """
        try:
            packed = self.packed(arguments)
        except BufferError:  # rare: only inputs can be views of bytes, NumPy aligns its outputs
            held = [aligned(a) if type(a) is numpy.ndarray else a for a in arguments]
            packed = self.packed(held)
        missing = self.function(packed)
        if missing:
            return failed(self.op, missing)
        if listening.recording is not None:
            listening.recording.add(self, arguments)
        return None

    @cached_property
    def function(self) -> Any:
        """Return the function, which takes a pointer to its packed arguments."""
        return exported(self.name)

    def packed(self, arguments: Sequence[Any]) -> bytes:
        """Return the structure of the arguments, whose arrays the caller keeps alive.

        Raises:
            BufferError: an array is not aligned.
        """
        return self.layout.pack(
            *[address(a) if type(a) is numpy.ndarray else a or 0 for a in arguments]
        )


def exported(name: str) -> Any:
    """Return an exported function: of a pointer to a structure, for which ctypes takes bytes."""
    function = load().calls[build.PREFIX + name]  # type: ignore[index]
    function.restype = ctypes.c_long
    return function


def failed(op: str, missing: int) -> Any:
    """Return NotImplemented for NOT_SERVED.

    Raises:
        MemoryError: else; the message has the op and the bytes.
    """
    if missing == NOT_SERVED:
        return NotImplemented
    raise MemoryError(f"{op}: {missing:,} bytes of memory could not be allocated")


def aligned(x: Array) -> Array:
    """Return x, or a copy in the same memory order if its numbers lie between C's addresses."""
    return x if x.flags.aligned else x.copy(order="K")


_first_byte: Any = ctypes.c_char.from_buffer
_address_of = ctypes.addressof


def address(x: Array) -> int:
    """Return the address of the memory of an array.

    Raises:
        BufferError: the address is not aligned for C.
    """
    try:
        begin = _address_of(_first_byte(x))  # a quarter of the other's time
    except (TypeError, ValueError):  # read-only or in another order; empty
        begin = x.ctypes.data
    if begin & 3 and x.itemsize > 1:  # bytes may lie anywhere
        raise BufferError("the array is not aligned")
    return begin
