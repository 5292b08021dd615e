"""Compile the kernels in C into a shared library, and name it by what it was compiled from.

`setup.py` does so for a wheel; `library_cache` for a machine. Imports nothing beyond the standard
library, and nothing of this package.
"""

import ctypes
import hashlib
import os
import platform
import re
import shlex
import shutil
import signal
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).parents[2] / "kernels"
# In GNU's C a product and a sum of one expression become one instruction, unless a file forbids it.
FLAGS = (
    *("-O3", "-std=gnu11", "-fno-math-errno"),  # else square roots are taken one by one
    *("-fPIC", "-shared", "-fvisibility=hidden", "-pthread"),
)
PREFIX = "xpcnn_"
"""How the names of the exported functions begin."""

SECONDS = 60.0  # time limit of the compiler on an idle machine; usually it takes two

_EXPORTED = re.compile(rb"^EXPORT (?:long |const char \*)xpcnn_(\w+)\(", re.MULTILINE)


class Recipe(NamedTuple):
    """How to compile.

    compiler: see `command_of`. march: its -march, or None for the compiler's own default.
    """

    compiler: str
    march: str | None

    @property
    def command(self) -> list[str]:
        return [
            *shlex.split(self.compiler),
            *FLAGS,
            *([f"-march={self.march}"] if self.march else []),
        ]

    @property
    def name(self) -> str:
        """Return the beginning of the names of its files in the cache."""
        text = f"{self.command} {_processor()} {source_digest()}"
        return f"kernels-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def command_of(named: str) -> str | None:
    """Return the command of a compiler, quoted as in a shell; None if there is no such program.

    named: a program, or a program with options or another program, as `CC` has: `ccache gcc -m64`.
    """
    if path := shutil.which(named):
        return shlex.quote(path)
    try:
        program, *rest = shlex.split(named)
    except ValueError:  # nothing in it, or an open quotation mark
        return None
    return shlex.join([path, *rest]) if (path := shutil.which(program)) else None


def check_functions(calls: ctypes.CDLL) -> None:
    """Require all functions of the sources in a library.

    Raises:
        OSError: one is missing.
    """
    for name in functions():
        if not hasattr(calls, PREFIX + name):
            raise OSError(f"what was compiled has no function {PREFIX}{name}")


def compiled(recipe: Recipe) -> bytes:
    """Return the bytes of the shared library, compiled in a temporary folder.

    Raises:
        OSError: the compiler failed; the message has its first error.
        TimeoutError: the compiler took too long.
    """
    import subprocess  # here, and tempfile: most processes compile nothing
    import tempfile

    code = [str(path) for path in _sources() if path.suffix == ".c"]
    with tempfile.TemporaryDirectory(prefix="xpcnn-") as scratch:
        target = Path(scratch) / "kernels.so"
        with subprocess.Popen(
            [*recipe.command, "-o", str(target), *code, "-lm"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=os.environ | {"TMPDIR": scratch},
            start_new_session=True,  # its processes can be ended together with it
        ) as process:
            begun, errors = time.monotonic(), None
            try:
                while errors is None:
                    try:
                        _, errors = process.communicate(timeout=SECONDS)
                    except subprocess.TimeoutExpired as error:
                        if time.monotonic() - begun >= SECONDS * _crowd():
                            raise took_too_long(recipe) from error
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            lines = errors.strip().splitlines() or ["no reason given"]
            first = next((line for line in lines if "error" in line), lines[-1])
            raise OSError(f"{recipe.compiler} failed: {first}")
        return target.read_bytes()


def _crowd() -> float:
    """Return how many processes want each processor, at least 1: how many times longer all take."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def took_too_long(recipe: Recipe) -> TimeoutError:
    """Return the error of a compiler that took too long."""
    return TimeoutError(f"{recipe.compiler} took longer than {SECONDS:.0f} seconds")


@cache
def _sources() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(SOURCES.glob("*.[ch]"))}


@cache
def source_digest() -> str:
    """Return a hash of all sources."""
    digest = hashlib.sha256()
    for path, source in _sources().items():
        digest.update(f"{path.name} {len(source)} ".encode() + source)
    return digest.hexdigest()[:16]


def levels() -> tuple[str | None, ...]:
    """Return what the libraries of a wheel are compiled for, the best first.

    None is the default of the compiler.
    """
    if platform.machine() in ("x86_64", "AMD64"):
        return "x86-64-v4", "x86-64-v3", "x86-64"  # AVX-512, AVX2, SSE2
    return (None,)


def library_name(march: str | None) -> str:
    """Return the file name of a library in a wheel; it belongs to one state of the sources."""
    return f"kernels-{source_digest()}-{level_name(march)}.so"


def level_name(march: str | None) -> str:
    """Return what a library is for in words: the level, or the kind of machine."""
    return march or platform.machine()


def functions() -> list[str]:
    """Return the names of the functions that the library of kernels exports, without the prefix."""
    code = b"\n".join(text for path, text in _sources().items() if path.suffix == ".c")
    return [name.decode() for name in _EXPORTED.findall(code)]


@cache
def _processor() -> str:
    """Return what distinguishes this processor from those of machines that share the cache."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.platform() + platform.processor()
    return "".join(sorted({line for line in lines if line.startswith(("flags", "Features"))}))
