"""Opening files: only regular ones, without waiting, whatever the path is."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import xpcnn
from xpcnn.config import toml
from xpcnn.data.files import as_path, is_there, open_regular, shown
from xpcnn.errors import CheckpointError, ConfigError, DataError, XpcnnError
from xpcnn.runs.record import check_run

CHECK = "Try: check the path and who may read it"


def test_a_regular_file_is_opened_for_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\r\n\xff")
    for path in (tmp_path / "a", str(tmp_path / "a")):
        with open_regular(path) as file:
            assert file.read() == b"\r\n\xff"


def test_a_name_that_is_no_utf8_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.csv")
    try:
        path.write_bytes(b"1")
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")
    with open_regular(path) as file:
        assert file.read() == b"1"
    assert shown(path) == f"{tmp_path}{os.sep}\\udcff.csv"


def test_what_cannot_be_seen_is_told_from_what_is_missing(tmp_path: Path) -> None:
    loop, closed = tmp_path / "loop.toml", tmp_path / "closed"
    loop.symlink_to(loop)
    closed.mkdir(mode=0)
    assert not is_there(tmp_path / "missing")
    assert not is_there(tmp_path / ("x" * 300))
    assert not is_there("\0")
    assert is_there(tmp_path)
    with pytest.raises(ConfigError) as caught:
        is_there(loop, ConfigError)
    reason = os.strerror(errno.ELOOP)
    assert str(caught.value) == f"{loop}: cannot be read: {reason}\n{CHECK}"
    readers: list[tuple[type[XpcnnError], Callable[[Path], object]]] = [
        (ConfigError, toml.read),
        (CheckpointError, xpcnn.load),
        (CheckpointError, check_run),
        (DataError, xpcnn.data.load),
    ]
    for error, reader in readers:
        with pytest.raises(error, match=f"cannot be read: {reason}"):
            reader(loop)
    if not os.access(closed, os.X_OK):  # root may search any folder
        with pytest.raises(DataError, match="cannot be read: Permission denied"):
            is_there(closed / "a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "pipe" if kind == "pipe" else Path("/dev/zero")
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(DataError) as caught:
        open_regular(path)
    assert str(caught.value) == (
        f"{path}: is a pipe or a device, expected a regular file\n"
        "Try: copy what it gives into a file, and read that"
    )


def test_paths_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    long = "x" * 5000
    expected = {
        str(tmp_path): f"{tmp_path}: cannot be read: Is a directory\n{CHECK}",
        f"{tmp_path}/none": f"{tmp_path}/none: there is no such file\nTry: check the path",
        "a\0b": f"a\\x00b: is not a possible path: embedded null byte\n{CHECK}",
        long: f"{long[:80]}...{long[:40]}: cannot be read: File name too long\n{CHECK}",
    }
    for path, text in expected.items():
        with pytest.raises(CheckpointError) as caught:
            open_regular(path, CheckpointError)
        assert str(caught.value) == text
    text = r"^a\\ud800: is not a possible path: .*\nTry: check the path"
    with pytest.raises(DataError, match=text):
        open_regular("a\ud800")


def test_a_path_is_a_text_or_a_path_object(tmp_path: Path) -> None:
    assert as_path(tmp_path) == as_path(str(tmp_path)) == tmp_path
    file = tmp_path / "own.safetensors"
    file.touch()
    with file.open() as opened, pytest.raises(ConfigError) as caught:
        as_path(opened)
    assert str(caught.value) == (
        "path is of type TextIOWrapper, expected a path\n"
        f"Try: the path in place of the open file: {str(file)!r}"
    )
    for wrong, advice in ((b"x", "os.fsdecode(path)"), (3, "a text or a pathlib.Path")):
        with pytest.raises(ConfigError) as caught:
            as_path(wrong, "folder")
        assert str(caught.value) == (
            f"folder is of type {type(wrong).__name__}, expected a path\nTry: {advice}"
        )
