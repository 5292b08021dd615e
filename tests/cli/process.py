"""`python -m xpcnn` as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]

TINY = ("--limit", "600", "--epochs", "2")
"""Flags of a run that takes a tenth of a second and learns something."""


def environment(**variables: str) -> dict[str, str]:
    """Return an environment in which this checkout is found, with further variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XPCNN_")}
    return kept | {"PYTHONPATH": str(ROOT)} | variables


_STARTED: list[subprocess.Popen[str]] = []


def noted(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Let a process end with the test that started it, also where the test fails."""
    _STARTED.append(process)
    return process


def end_all() -> None:
    """End the processes that a failed test has left running: they would slow down all others."""
    while _STARTED:
        process = _STARTED.pop()
        if process.poll() is None:
            process.terminate()  # a launcher ends those that it has started
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def default_signals() -> None:
    """Let signals reach this process, also those that nohup or a shell's & made pytest ignore."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(
    *arguments: str | Path,
    module: str = "xpcnn",
    limits: Callable[[], object] = lambda: None,
    **variables: str,
) -> subprocess.Popen[str]:
    """Start `python -m xpcnn`, or another module, with signals working as on a terminal.

    limits: called in the process before; variables: further ones of its environment.
    """

    def prepare() -> None:
        default_signals()
        limits()

    return noted(
        subprocess.Popen(
            [sys.executable, "-W", "error", "-m", module, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**variables),
            preexec_fn=prepare,
        )
    )


def run(*arguments: str | Path, **variables: Any) -> tuple[int, str, str]:
    """Run `python -m xpcnn` to its end; return exit code, stdout and stderr."""
    process = start(*arguments, **variables)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err
