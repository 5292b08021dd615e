"""Impossible paths, endless numbers, networks that are small to write and large to run."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import xpcnn
from tests.config.reading import from_config
from xpcnn.config import toml
from xpcnn.errors import CheckpointError, ConfigError, XpcnnError
from xpcnn.io.atomic import write_bytes
from xpcnn.layers import Dense, ReLU, Sequential
from xpcnn.models import preset
from xpcnn.sizes import sizes_of
from xpcnn.training import Checkpoints, replay

READERS: dict[str, Callable[[str], object]] = {
    "load": xpcnn.load,
    "load_weights": lambda path: xpcnn.load_weights(small(), path),
    "preset": lambda path: preset(f"{path}.toml"),
    "toml": toml.read,
    "replay": replay,
}


def small() -> xpcnn.Model:
    return xpcnn.Model([Dense(2)], input_shape=(4,))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", ["a\0b", "a" * 5000, "/a" * 3000, "\ud800", "", "."], ids=ascii)
def test_paths_that_no_file_can_have(
    reader: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(XpcnnError) as caught:
        READERS[reader](path)
    assert "\nTry: " in str(caught.value)
    assert len(str(caught.value)) < 1500
    assert "\0" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices as POSIX has them")
@pytest.mark.parametrize("reader", [name for name in READERS if name != "preset"])
def test_pipes_and_devices_are_not_read(reader: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(XpcnnError, match="is a pipe or a device, expected a regular file\nTry"):
            READERS[reader](path)


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "\ud800"], ids=ascii)
def test_files_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    for write in (small().save, lambda path: write_bytes(path, b"")):
        text = " is not a possible path: | cannot be written: "
        with pytest.raises(CheckpointError, match=text):
            write(tmp_path / name)
    with (
        pytest.raises(CheckpointError, match=" cannot be made: "),
        Checkpoints(tmp_path / name).locked(),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = " + "9" * 5000, "not valid TOML: Exceeds the limit"),
        ("a = [{ b = 0x" + "f" * 9999 + " }]", "not valid TOML: an integer of 39996 bits"),
        ("a = -" + "9" * 20, "not valid TOML: an integer of 67 bits, expected at most 64"),
        ("a = 2025-02-30", "not valid TOML: "),
        ("a = " + "[" * 9999, "its tables are nested too deep"),
    ],
    ids=range(5),
)
def test_toml_that_python_cannot_hold(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        toml.parse(text)
    assert str(caught.value).startswith(problem)
    assert "\nTry: " in str(caught.value)


def test_toml_of_what_is_no_unicode() -> None:
    with pytest.raises(ConfigError, match=r"a TOML file cannot hold .*udcff.*, which is not"):
        toml.write({"dataset": "/data/\udcff"})


def test_a_toml_file_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(b"#" * (toml.LIMIT + 1))
    with pytest.raises(ConfigError, match="a TOML file of more than 4,194,304 bytes"):
        preset(path)


@pytest.mark.parametrize(
    "table",
    [
        {"type": "Dropout", "p": 10**400},
        {"type": "MaxPool2D", "size": 2**31, "padding": 2**30},
        {"type": "Conv2D", "filters": 10**30, "size": 3},
    ],
    ids=lambda table: table["type"],
)
def test_numbers_beyond_all_networks(table: dict[str, Any]) -> None:
    with pytest.raises(XpcnnError):
        sizes_of(from_config(table), (1, 8, 8))


def test_many_layers_take_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        sizes_of(Sequential([ReLU()] * count), (3,))
        return time.process_time() - start

    seconds(100)
    many, few, tried = math.inf, math.inf, 0
    while tried < 3 or (many >= 24 * few and tried < 30):  # until no other process slows both
        many, few, tried = min(many, seconds(8000)), min(few, seconds(1000)), tried + 1
    assert many < 24 * few
