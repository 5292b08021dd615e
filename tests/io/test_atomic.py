"""Writing whole files: what is there afterwards, above all when the writing fails."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from xpcnn.errors import CheckpointError
from xpcnn.io.atomic import SUFFIX, require_space, write_bytes

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"first")
    assert path.read_bytes() == b"first"
    write_bytes(path, b"second, longer")
    assert path.read_bytes() == b"second, longer"
    assert list(tmp_path.iterdir()) == [path]


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_mode_follows_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "a.bin", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == mode


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("target", ["os.fsync", "pathlib.Path.replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    monkeypatch.setattr(target, failing(errno.ENOSPC))
    with pytest.raises(CheckpointError) as caught:
        write_bytes(path, b"new")
    assert str(caught.value) == (
        f"{path} cannot be written: No space left on device\nTry: free some space, or another disk"
    )
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        assert [path.suffix for path in tmp_path.iterdir()] == [SUFFIX]
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a.bin", b"new")
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_pipe_is_rejected_and_stays(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(CheckpointError) as caught:
            write_bytes(path, b"x")
        assert str(caught.value) == (
            f"{path} cannot be written: it is a device, a pipe or a socket, not a regular file\n"
            "Try: the path of a regular file"
        )
    assert pipe.is_fifo()
    assert sorted(tmp_path.iterdir()) == [link, pipe]


@posix
@pytest.mark.parametrize("old", [b"old", None], ids=["a file", "nothing yet"])
def test_a_symbolic_link_is_followed(tmp_path: Path, old: bytes | None) -> None:
    folder, link = tmp_path / "elsewhere", tmp_path / "link"
    folder.mkdir()
    target = folder / "target"
    if old is not None:
        target.write_bytes(old)
    link.symlink_to(Path("elsewhere", "target"))
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(folder.iterdir()) == [target]


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        write_bytes(tmp_path, b"x")
    assert str(caught.value) == (
        f"{tmp_path} cannot be written: it is a folder\nTry: a file name in that folder"
    )
    with pytest.raises(CheckpointError, match=r"^\. cannot be written: it is a folder"):
        write_bytes(Path(""), b"x")


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.bin"
    with pytest.raises(CheckpointError) as caught:
        write_bytes(path, b"x")
    assert str(caught.value) == (
        f"{path} cannot be written: No such file or directory\nTry: make the folder first"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"Not a directory\nTry: a path whose folders are"):
        write_bytes(tmp_path / "file" / "a.bin", b"x")


@contextmanager
def closed_folder() -> Iterator[Path]:
    """A folder that this process may not write to; as root, it becomes another user for a while."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.bin").write_bytes(b"old")
        folder.chmod(0o555)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


@posix
def test_a_closed_folder_is_said(tmp_path: Path) -> None:
    with closed_folder() as folder:
        path = folder / "a.bin"
        with pytest.raises(CheckpointError) as caught:
            write_bytes(path, b"new")
        assert str(caught.value) == (
            f"{path} cannot be written: Permission denied\n"
            "Try: another folder, or ask who may write there"
        )
        assert path.read_bytes() == b"old"
        assert list(folder.iterdir()) == [path]


def test_space_is_required_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    require_space(path, 10_000)
    for unknown in (errno.EINVAL, errno.EOPNOTSUPP):  # of file systems that take none in advance
        monkeypatch.setattr(os, "posix_fallocate", failing(unknown), raising=False)
        require_space(path, 10_000)
    monkeypatch.setattr(os, "posix_fallocate", failing(errno.ENOSPC), raising=False)
    with pytest.raises(CheckpointError) as caught:
        require_space(path, 10_000)
    assert str(caught.value) == (
        f"{path} cannot be written: No space left on device\nTry: free some space, or another disk"
    )
    monkeypatch.delattr(os, "posix_fallocate")
    require_space(path, 10_000)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
from xpcnn.errors import CheckpointError
from xpcnn.io.atomic import write_bytes

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
write_bytes(Path(sys.argv[1]), b"o" * 10_000)
try:
    write_bytes(Path(sys.argv[1]), b"n" * 10_001)
except CheckpointError as error:
    print(error)
"""


@posix
def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == (
        f"{path} cannot be written: File too large\n"
        "Try: a higher limit on the size of files (ulimit -f), or another disk\n"
    )
    assert path.read_bytes() == b"o" * 10_000
    assert list(tmp_path.iterdir()) == [path]
