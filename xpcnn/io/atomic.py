"""Writing files completely or not at all.

A crash, a full disk or a kill at any moment leaves either the old content or the new one. Folders,
devices and pipes are rejected as targets, and every failure is a `CheckpointError` that says why.
"""

import contextlib
import errno
import os
import secrets
import tempfile
from pathlib import Path

from xpcnn.data.files import shown
from xpcnn.errors import CheckpointError, hint

SUFFIX = ".tmp"
"""Suffix of the temporary files that a killed process may leave behind."""

_ADVICE = {
    errno.ENOENT: "make the folder first",
    errno.ENOTDIR: "a path whose folders are folders",
    errno.EISDIR: "a file name in that folder",
    errno.ENODEV: "the path of a regular file",
    errno.EACCES: "another folder, or ask who may write there",
    errno.EPERM: "another folder, or ask who may write there",
    errno.EROFS: "a folder on a disk that can be written to",
    errno.ENOSPC: "free some space, or another disk",
    errno.EDQUOT: "free some space, or another disk",
    errno.ENAMETOOLONG: "a shorter name",
    errno.EFBIG: "a higher limit on the size of files (ulimit -f), or another disk",
}


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of a file, or create it, durably and atomically.

    The content is written to a temporary file in the folder, flushed, and renamed to the target;
    the folder is flushed too. A symbolic link is followed: the file that it names gets the content.
    The mode follows the umask. After a failure the target is unchanged, and no file is left over.

    Raises:
        CheckpointError: the file cannot be written.
    """
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError(errno.ENODEV, "it is a device, a pipe or a socket, not a regular file")
        target = Path(os.path.realpath(path))
        beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}{SUFFIX}")
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except BaseException:  # an interrupt too
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
    except ValueError as error:  # a NUL, or half of a surrogate pair
        message = f"{shown(path)} is not a possible path: {error}"
        raise CheckpointError(hint(message, "a path without it")) from error
    except OSError as error:
        raise _not_written(path, error) from error
    with contextlib.suppress(OSError):  # written all the same; some file systems cannot do it
        _flush_folder(target.parent)


def require_space(path: Path, size: int) -> None:
    """Require that a file can be written, for work whose result it is to hold.

    Its space is taken from the file system, and given back. Nothing is required where the system
    or the file system takes no space in advance.

    path: of the file, in a folder that is there.
    size: bytes that the file will have at least, above 0.

    Raises:
        CheckpointError: it cannot be written.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> CheckpointError:
    """Return the error of a file that the system does not let be written."""
    message = f"{shown(path)} cannot be written: {error.strerror or error}"
    return CheckpointError(hint(message, _ADVICE.get(error.errno or 0, "another place")))


def _flush_folder(folder: Path) -> None:
    """Make a rename in the folder durable."""
    if os.name != "posix":  # elsewhere folders cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
