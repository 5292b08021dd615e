"""CUDA kernels on the host, without a GPU: g++ compiles a .cu file, a launch is a loop.

Says whether the indices, the arithmetic and the arguments of a kernel are right: every launch runs
twice, its threads once in descending and once in ascending order, and must give the same bits.
Says nothing about a GPU: no warps, no memory model, no limits of registers, no speed.
"""

import atexit
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy
import pytest

HEADER = Path(__file__).parent / "cuda_on_host.h"
FLAGS = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
DIMENSIONS = ctypes.c_uint * 3
CONSTANT = re.compile(r"^#define (\w+) (\{.*\})\n", re.MULTILINE)
HALF = "#define FLOAT16\n"  # with it, the numbers of value.cuh are not float
MOST_THREADS = 1024  # of a block
FOLDER = "CUDA_ON_HOST_FOLDER"  # in the environment: where processes share what they compile
ONE_AT_A_TIME = Lock()
"""Fibers and indices are static in a library, and training launches from two Python threads."""


class Kernel:
    """One kernel; `kinds` are the types of its parameters, as `cuda_on_host.h` names them.

    constants: the numbers of the constants that the library takes, by name.
    """

    def __init__(
        self, library: ctypes.CDLL, name: str, constants: dict[str, numpy.ndarray] | None = None
    ) -> None:
        self._constants = [
            (getattr(library, f"set_{constant}"), numbers)
            for constant, numbers in (constants or {}).items()
        ]
        kinds = getattr(library, f"kinds_of_{name}")
        kinds.restype = ctypes.c_char_p
        self.kinds: list[str] = kinds().decode().split()
        self.name = name
        self._launch = getattr(library, f"launch_{name}")
        self._launch.restype = ctypes.c_char_p

    def __call__(
        self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], descending: bool
    ) -> None:
        """Run a launch on arrays of NumPy, None for a null pointer, and NumPy's scalars."""
        held = [self._host(kind, a) for kind, a in zip(self.kinds, arguments, strict=True)]
        pointers = (ctypes.c_void_p * len(held))(*(x.ctypes.data for x in held))
        sizes = (DIMENSIONS(*(*grid, 1, 1)[:3]), DIMENSIONS(*(*block, 1, 1)[:3]))
        with ONE_AT_A_TIME:
            for put, numbers in self._constants:
                put(ctypes.c_void_p(numbers.ctypes.data))
            problem = self._launch(pointers, *sizes, int(descending))
        if problem is not None:
            raise RuntimeError(f"{self.name}: {problem.decode()}")

    def _host(self, kind: str, argument: Any) -> numpy.ndarray:
        """Return memory that holds what a launch gets: an address, or a value of the exact type."""
        if kind[0] in "*&":
            if argument is None:
                return numpy.zeros((), numpy.uintp)
            wanted = numpy.dtype(kind[1:])
            if not isinstance(argument, numpy.ndarray) or argument.dtype != wanted:
                raise TypeError(f"{self.name}: expected an array of {wanted}, got {told(argument)}")
            if not argument.flags.c_contiguous:
                raise TypeError(f"{self.name}: an array that is not contiguous")
            return numpy.asarray(argument.ctypes.data, numpy.uintp)
        exact = numpy.ndarray if kind[0] == "V" else numpy.dtype(kind).type
        # of arrays, CuPy passes those of one element by value
        size = numpy.dtype(kind).itemsize
        if type(argument) is not exact or argument.size != 1 or argument.nbytes != size:
            raise TypeError(f"{self.name}: expected {kind}, got {told(argument)}")
        return numpy.asarray(argument)


def told(argument: Any) -> str:
    return f"{type(argument).__name__} {getattr(argument, 'dtype', '')}".strip()


@cache
def kernels(source: str) -> dict[str, Kernel]:
    """Compile the text of a .cu file and return its kernels by name; skip a test without g++.

    Numbers in braces that are defined in front of it are set before each launch, so that a text is
    compiled once for all of them.
    """
    constants = {
        name: numpy.array(re.findall(r"-?\d+", value), numpy.int32)
        for name, value in CONSTANT.findall(source)
    }
    library, names = compiled(CONSTANT.sub("", source), tuple(constants))
    return {name: Kernel(library, name, constants) for name in names}


@cache
def compiled(source: str, constants: tuple[str, ...] = ()) -> tuple[ctypes.CDLL, list[str]]:
    """Return a library of the kernels of a text, which takes constants, and their names."""
    compiler = shutil.which("g++")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no g++ on Linux")
    names = re.findall(r'extern "C" __global__ void (\w+)\(', source)
    exports = "".join(f"EXPORT({name})\n" for name in names)
    if HALF in source:
        exports = f'namespace host {{ KIND(Value, "f2") }}\n{exports}'
    heads = "".join(f"CONSTANT({name})\n#define {name} constant_{name}\n" for name in constants)
    text = heads + source + "\n" + exports
    out = folder() / f"{hashlib.sha256(text.encode()).hexdigest()}.so"
    if not out.exists():
        made = out.with_suffix(f".{os.getpid()}")  # others may compile the same text now
        command = [compiler, *FLAGS, "-include", str(HEADER), "-x", "c++", "-", "-o", str(made)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        made.replace(out)
    return ctypes.CDLL(str(out)), names


@cache
def folder() -> Path:
    """Return the folder of this process and those that it starts; it goes when this one ends."""
    if FOLDER not in os.environ:
        made = tempfile.TemporaryDirectory()
        atexit.register(made.cleanup)
        os.environ[FOLDER] = made.name
    return Path(os.environ[FOLDER])
