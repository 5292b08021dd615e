"""On a terminal there is a bar; the lines of the epochs stay, the bar leaves."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import environment
from tests.waiting import PATIENCE

fcntl = pytest.importorskip("fcntl", reason="pseudo-terminals are not available here")
pty = pytest.importorskip("pty", reason="pseudo-terminals are not available here")
termios = pytest.importorskip("termios", reason="pseudo-terminals are not available here")


def on_a_terminal(*arguments: str, cwd: Path) -> str:
    """Run `python -m xpcnn` with stderr on a terminal, and return all that it writes there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))  # lines, columns
    process = subprocess.Popen(
        [sys.executable, "-m", "xpcnn", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=cwd,
        env=environment(),
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:  # what Linux answers when the other side is closed
        pass
    os.close(ours)
    assert process.wait(timeout=PATIENCE) == 0
    return written.decode()


def test_a_bar_and_lines(tmp_path: Path) -> None:
    text = on_a_terminal("train", "--epochs", "3", cwd=tmp_path)
    assert "\repoch 1/3:   0%|" in text
    assert "/63 [" in text  # 3 epochs of 1,334 images by 64
    lines = [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]
    epochs = [line for line in lines if line.startswith("epoch ")]
    assert [line.split("  ")[0] for line in epochs] == ["epoch 1", "epoch 2", "epoch 3"]
    assert max(map(len, epochs)) < 80  # without seconds and speed, which would be wrapped
    assert lines[-1] == ""
    assert lines[-2].startswith("next: xpcnn predict ")


def test_quiet_has_no_bar(tmp_path: Path) -> None:
    assert on_a_terminal("train", "--limit", "100", "--epochs", "1", "--quiet", cwd=tmp_path) == ""
