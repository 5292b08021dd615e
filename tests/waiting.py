"""Wait for another process: with patience, since a busy machine takes many times longer."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 200.0
"""Seconds for what an idle machine does in a few; the tests themselves end after 300."""


def wait_until(found: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something is found, at most as long as a process runs."""
    until = time.monotonic() + PATIENCE
    while not found():
        assert process is None or process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.01)


def wait_for_lines(process: subprocess.Popen[str], file: Path, lines: int) -> None:
    """Wait until a file of a running process has so many lines."""
    wait_until(lambda: file.exists() and file.read_text().count("\n") >= lines, process)
