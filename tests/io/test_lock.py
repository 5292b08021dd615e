"""One process at a time in a folder; the lock never outlives its process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import ROOT
from xpcnn.errors import CheckpointError, ConfigError
from xpcnn.io.lock import locked

HOLD = """
import pathlib, sys
from xpcnn.io.lock import locked
with locked(pathlib.Path()):
    print(flush=True)
    sys.stdin.read()
"""


def test_a_second_lock_is_rejected_until_the_first_is_released(tmp_path: Path) -> None:
    with locked(tmp_path) as there:
        assert there
        with pytest.raises(ConfigError) as caught, locked(tmp_path):
            pass
        assert str(caught.value) == (
            f"another process is working on {tmp_path}\nTry: wait for it to end, or end it"
        )
    with locked(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline()
        with pytest.raises(ConfigError, match="another process is working on"), locked(tmp_path):
            pass
        process.kill()
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_hold_a_lock(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    with pytest.raises(CheckpointError, match=r"\.lock cannot be written: No such file"):
        locked(folder).__enter__()
