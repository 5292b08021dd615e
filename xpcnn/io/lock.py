"""A lock that lets one process at a time work in a folder, by the operating system.

The lock is on a file of its own, `.lock`, which stays in the folder. The system releases the
lock when the process ends, in any way, so no stale lock is left behind.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xpcnn.data.files import shown
from xpcnn.errors import CheckpointError, ConfigError, hint

NAME = ".lock"

try:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # Windows
    import msvcrt

    def _lock(descriptor: int) -> None:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]  # elsewhere it is absent
        except PermissionError as error:
            raise BlockingIOError from error


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Lock an existing folder for this process while the block runs.

    Yields whether it is locked: some network file systems have no locks.

    Raises:
        ConfigError: another process, or another block in this one, has the lock.
        CheckpointError: the lock file cannot be created.
    """
    try:
        file = open(folder / NAME, "ab", opener=_opener)  # noqa: SIM115 - closed below
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"{shown(folder / NAME)} cannot be written: {reason}"
        raise CheckpointError(hint(message, "a folder that may be written")) from error
    with file:
        there = True
        try:
            _lock(file.fileno())
        except BlockingIOError as error:
            message = f"another process is working on {folder}"
            raise ConfigError(hint(message, "wait for it to end, or end it")) from error
        except OSError:
            there = False
        yield there


def _opener(path: str, flags: int) -> int:
    """Open a file that no child process inherits; if it is a pipe, do not wait."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
