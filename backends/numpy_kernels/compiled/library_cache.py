"""Kernels in C that were compiled on this machine, in the cache of the user who did.

Anybody who can change a library that a process loads can run code in that process. So the library
is in a folder that only its user can write to. The name of its file has the hashes of its source
and of its bytes: a truncated or changed file is removed and compiled again. The file is verified
and loaded by one descriptor, so that nobody can exchange it in between.
"""

import ctypes
import hashlib
import math
import os
import secrets
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .build import Recipe, check_functions, compiled, took_too_long

PAUSE = 3600.0  # seconds after which a compiler that took too long is tried again
_ELSEWHERE = "XDG_CACHE_HOME names another place"
DESCRIPTORS = Path("/proc/self/fd")  # not on macOS, which loads by path


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
            raise took_too_long(recipe)
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
