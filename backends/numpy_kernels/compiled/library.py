"""The kernels in C: compiled once on this machine, for its processor, and loaded with ctypes.

ctypes releases the interpreter's lock for the length of a call, and the threads of these kernels
never take it. NumPy's calls hand it back and forth between threads, which costs more than most
passes over a small batch: there two threads are no faster than one.

Without a C compiler NumPy's calls do all the work, as they do for what has no kernel in C.
`XPCNN_COMPILER` names the compiler; `none` is none. `XPCNN_MARCH` is the processor to compile for,
as the compiler's -march has it, such as `x86-64-v3`; `native`, the machine's own, where not set.
"""

import ctypes
import hashlib
import os
import platform
import shutil
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from ..layout import Array

SOURCES = Path(__file__).parents[2] / "kernels"
FLAGS = ("-O3", "-std=gnu11", "-ffp-contract=fast", "-fPIC", "-shared", "-pthread")
KINDS = {"p": ctypes.c_void_p, "l": ctypes.c_long, "f": ctypes.c_float, "d": ctypes.c_double}
COMPILERS = ("cc", "gcc", "clang")


class Library(NamedTuple):
    """calls: the C functions by name, or None. status: why C kernels are or are not in use."""

    calls: ctypes.CDLL | None
    status: str


@cache
def library() -> Library:
    """Return the compiled kernels; the first call on a machine compiles them, in seconds."""
    name = os.environ.get("XPCNN_COMPILER", "")
    if name == "none":
        return Library(None, "NumPy's, since XPCNN_COMPILER=none")
    if os.name != "posix":
        return Library(None, f"NumPy's, since those in C need POSIX threads, not {os.name}")
    found = [path for c in ([name] if name else COMPILERS) if (path := shutil.which(c))]
    if not found:
        missing = name or ", ".join(COMPILERS)
        return Library(None, f"NumPy's, since there is no C compiler {missing}")
    march = os.environ.get("XPCNN_MARCH") or "native"
    try:
        calls = _loaded(found[0], march)
        if not calls.runs_here():
            return Library(None, f"NumPy's, since this processor cannot run XPCNN_MARCH={march}")
        return Library(calls, f"in C, compiled by {found[0]} for {march}")
    except (OSError, RuntimeError) as error:  # no home, for one
        return Library(None, f"NumPy's, since those in C could not be made: {error}")


def _loaded(compiler: str, march: str) -> ctypes.CDLL:
    """Load the kernels for a processor from the cache, after compiling them where it has none."""
    sources = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(f"{compiler} {FLAGS} {march} {_processor()}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xpcnn"
    name = f"kernels-{digest.hexdigest()[:16]}"
    for built in folder.glob(f"{name}-*.so"):
        facts = built.stat()
        # the size is in the name: to load a file that was cut off would end the process
        if built.stem == f"{name}-{facts.st_size}" and facts.st_uid == os.getuid():
            return ctypes.CDLL(str(built))
    code = [str(source) for source in sources if source.suffix == ".c"]
    try:
        command = [compiler, *FLAGS, f"-march={march}"]
        return ctypes.CDLL(str(_compile(command, code, folder / name)))
    except OSError:
        if march != "native":
            raise
        # a compiler that does not know its machine
        return ctypes.CDLL(str(_compile([compiler, *FLAGS], code, folder / name)))


def _compile(command: list[str], code: list[str], built: Path) -> Path:
    """Compile code into one file, which other processes see whole or not at all; return it.

    Raises:
        OSError: the folder cannot be written, or what the compiler said first.
    """
    import subprocess  # here, and tempfile: most processes compile nothing
    import tempfile

    built.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent) as scratch:
        target = Path(scratch) / built.name
        command = [*command, "-o", str(target), *code, "-lm"]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["no reason given"]
            first = next((line for line in said if "error" in line), said[-1])
            raise OSError(f"{command[0]} failed: {first}")
        return target.replace(built.with_name(f"{built.name}-{target.stat().st_size}.so"))


def _processor() -> str:
    """Return what tells the machine's processor from others that share its cache."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.platform() + platform.processor()
    return "".join(sorted({line for line in lines if line.startswith(("flags", "Features"))}))


def serves(x: Array) -> bool:
    """Whether the kernels in C take this array, and those that come with it."""
    return x.dtype == numpy.float32 and x.size > 0 and library().calls is not None


def vector(x: Array | None) -> Array | None:
    """Return a vector, if there is one, without gaps."""
    return None if x is None else numpy.ascontiguousarray(x)


class Call:
    """A C function; kinds: of its arguments, by their first letters, p for a pointer.

    A pointer is to the memory of an array without gaps, or None.
    """

    def __init__(self, name: str, kinds: str) -> None:
        self.name = name
        self.types = [KINDS[kind] for kind in kinds if kind != " "]
        self.function: Any = None

    def __call__(self, *arguments: Any) -> None:
        if self.function is None:
            function = getattr(library().calls, self.name)
            function.argtypes, function.restype = self.types, None
            self.function = function
        self.function(*[place(a) if type(a) is numpy.ndarray else a for a in arguments])


def place(x: Array) -> int:
    """Return where the memory of an array begins."""
    memory: Any = x
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(memory))  # a quarter of the other's time
    except (TypeError, ValueError):  # read-only or in another order; empty
        return x.ctypes.data
