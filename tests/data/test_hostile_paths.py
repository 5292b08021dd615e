"""Impossible paths, pipes and devices: a project error at once, wherever they are given."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from xpcnn.data import load, load_parts, load_whole
from xpcnn.errors import XpcnnError

READERS: dict[str, Callable[[str], object]] = {
    "load": load,
    "load_whole": load_whole,
    "validation": lambda path: load_parts("digits", validation=path),
    "data_dir": partial(load, "mnist"),
}
PATHS = {
    "a NUL": "a\0b.csv",
    "half of a surrogate pair": "a\ud800.npz",
    "bytes that are no UTF-8": "a\udcff.csv",
    "a name that is too long": "x" * 5000 + ".csv",
    "a path that is too long": "x/" * 3000,
    "no such user": "~no-such-user/own.csv",
    "a device": "/dev/zero",
    "a file in a file": f"{__file__}/own.csv",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", PATHS)
def test_impossible_paths_are_project_errors(reader: str, kind: str) -> None:
    with pytest.raises(XpcnnError, match="\nTry: ") as caught:
        READERS[reader](PATHS[kind])
    assert len(str(caught.value)) < 500


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize(
    "name", ["own.csv", "own.npz", "train.csv", "a/1.png", "train-images-idx3-ubyte"]
)
def test_pipes_are_refused_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / name)
    if name == "a/1.png":
        pytest.importorskip("PIL.Image", reason="Pillow is not installed")
        (tmp_path / "b").mkdir()
        os.mkfifo(tmp_path / "b" / "2.png")
    path = tmp_path / name if name.startswith("own") else tmp_path
    for reader in READERS.values():
        with pytest.raises(XpcnnError, match="\nTry: "):
            reader(str(path))
