"""Compile the kernels in C into a shared library, once per machine, and load it from the cache.

Anybody who can change a library that a process loads can run code in that process. So the library
is in a folder that only its user can write to. The name of its file has the hashes of its source
and of its bytes: a truncated or changed file is removed and compiled again. The file is verified
and loaded by one descriptor, so that nobody can exchange it in between.
"""

import ctypes
import hashlib
import math
import os
import platform
import re
import secrets
import shlex
import shutil
import signal
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
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
PAUSE = 3600.0  # seconds after which a compiler that took too long is tried again
_ELSEWHERE = "XDG_CACHE_HOME names another place"
DESCRIPTORS = Path("/proc/self/fd")  # not on macOS, which loads by path

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


def folder() -> Path:
    """Return the folder of compiled kernels in the user's cache.

    Raises:
        PermissionError: there is none, as the user has no home folder.
    """
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise PermissionError(f"the user has no home folder; {_ELSEWHERE}") from error
    return cache / "xpcnn" / "kernels"


def is_cached(recipes: Iterable[Recipe]) -> bool:
    """Whether one of the recipes has been compiled already."""
    return any(list(folder().glob(f"{recipe.name}-*.so")) for recipe in recipes)


def load(recipe: Recipe) -> ctypes.CDLL:
    """Load the kernels from the cache; compile them first if the cache has no valid file.

    Raises:
        OSError: the folder is not the user's own or cannot be written, or the compiler failed; the
            message has the first line of the compiler's.
        TimeoutError: the compiler took too long, now or less than an hour ago.
    """
    opened = _own_folder()
    try:
        found = _verified(opened, recipe.name)
        if found is not None:
            with suppress(OSError):
                return _opened(opened, *found)
        late = f"{recipe.name}.late"
        if _age(opened, late) < PAUSE:
            raise _late(recipe)
        try:
            code = compiled(recipe)
        except TimeoutError:
            _write(opened, late, b"")
            raise
        _write(opened, f"{recipe.name}-{hashlib.sha256(code).hexdigest()}.so", code)
        found = _verified(opened, recipe.name)
        if found is None:
            raise OSError(f"{folder()} does not keep what is written to it")
        return _opened(opened, *found)
    finally:
        os.close(opened)


def _own_folder() -> int:
    """Open the folder, made if it is missing, and require that only its user can change it."""
    path = folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PermissionError(f"{error.strerror}: {error.filename!r}; {_ELSEWHERE}") from error
    if path.is_symlink():
        raise PermissionError(f"{path} is a symbolic link; {_ELSEWHERE}")
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    facts = os.fstat(opened)
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid == os.geteuid() and not mode & 0o022:
        return opened
    os.close(opened)
    whose = "you" if facts.st_uid == os.geteuid() else f"user {facts.st_uid}"
    raise PermissionError(
        f"{path} belongs to {whose} and has mode {mode:o}, so that others can change it; "
        f"{_ELSEWHERE}"
    )


def _verified(opened: int, name: str) -> tuple[int, str] | None:
    """Return the descriptor and name of a file whose bytes have the hash in its name.

    Damaged files are removed.
    """
    for entry in os.listdir(opened):
        if not (entry.startswith(f"{name}-") and entry.endswith(".so")):
            continue
        with suppress(OSError):  # a symbolic link, or removed just now
            file = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=opened)
            with os.fdopen(os.dup(file), "rb") as whole:
                digest = hashlib.sha256(whole.read()).hexdigest()
            if entry == f"{name}-{digest}.so":
                return file, entry
            os.close(file)
            os.unlink(entry, dir_fd=opened)
    return None


def _opened(opened: int, file: int, entry: str) -> ctypes.CDLL:
    """Load a verified file; its descriptor stays open, as the loader identifies libraries by path.

    Raises:
        OSError: the file is not a library, or lacks a function; it has been removed.
    """
    by_descriptor = DESCRIPTORS / str(file)
    try:
        calls = ctypes.CDLL(str(by_descriptor if by_descriptor.exists() else folder() / entry))
        check_functions(calls)
    except OSError:
        with suppress(OSError):
            os.unlink(entry, dir_fd=opened)
        raise
    return calls


def check_functions(calls: ctypes.CDLL) -> None:
    """Require all functions of the sources in a library.

    Raises:
        OSError: one is missing.
    """
    for name in functions():
        if not hasattr(calls, PREFIX + name):
            raise OSError(f"what was compiled has no function {PREFIX}{name}")


def _age(opened: int, name: str) -> float:
    """Return how many seconds ago a file was written; infinity if it does not exist."""
    try:
        return abs(time.time() - os.stat(name, dir_fd=opened).st_mtime)
    except FileNotFoundError:
        return math.inf


def _write(opened: int, name: str, content: bytes) -> None:
    """Write a file atomically."""
    scratch = f".{name}.{secrets.token_hex(4)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(scratch, flags, 0o600, dir_fd=opened), "wb") as file:
            file.write(content)
        os.replace(scratch, name, src_dir_fd=opened, dst_dir_fd=opened)
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch, dir_fd=opened)
        raise


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
                            raise _late(recipe) from error
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


def _late(recipe: Recipe) -> TimeoutError:
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
