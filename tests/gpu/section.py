"""One section of the check: what it is asked, what it finds, and what became of it.

It runs in a process of its own (`child`), which tells every finding when it is made, so that
whatever ends the process leaves what was found before.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from xpcnn import backend
from xpcnn.backend import Backend
from xpcnn.errors import XpcnnError

ROOT = Path(__file__).resolve().parents[2]
GRACE = 10.0  # seconds that a section has to end by itself when its time is up


@dataclass(frozen=True)
class Options:
    """What is checked, and how long one section may take.

    quick: small sizes, which show that the script works and nothing else.
    data: a folder with the folders `mnist` and `cifar10`, if there is one.
    """

    backend: str
    device: str | None
    quick: bool
    seconds: float
    data: str | None = None
    started: float = field(default_factory=time.monotonic)

    def open(self) -> Backend:
        return backend.load(self.backend, self.device)

    def left(self) -> float:
        """Return the seconds that remain."""
        return self.started + self.seconds - time.monotonic()

    def check_time(self) -> None:
        """Raise TimeUp when none are left."""
        if self.left() <= 0:
            raise TimeUp


class Finding(NamedTuple):
    """A named fact, ready for JSON; `problem` says what is wrong with it, if anything is."""

    name: str
    value: Any
    problem: str | None = None


class TimeUp(Exception):
    """Raised in the middle of what a section does last."""


class Skipped(Exception):
    """Raised by a section that has nothing to do here; says why."""


FAULTS = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError),
    *(ValueError, XpcnnError, subprocess.TimeoutExpired),
)
"""What array libraries, xpcnn and a process that takes too long raise."""


def told(name: str, find: Callable[[], Finding]) -> Finding:
    """Return what `find` finds, or its error as a problem, so that what comes after it can run."""
    try:
        return find()
    except FAULTS:
        return Finding(name, None, traceback.format_exc()[-2000:].strip())


@dataclass
class Outcome:
    """What became of a section: "passed", "failed" or "skipped"."""

    status: str = "passed"
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    reason: str | None = None


def run(name: str, options: Options, environ: dict[str, str] | None = None) -> Outcome:
    """Run a section in a process of its own and return what it found, whatever happens to it."""
    given = dataclasses.asdict(options)
    del given["started"]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "findings.jsonl"
        file.touch()
        command = [sys.executable, "-m", "tests.gpu.child", name, json.dumps(given), str(file)]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=os.environ | (environ or {}),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                timeout=options.seconds + GRACE,
                check=False,
            )
            ending = None if done.returncode == 0 else _ending(done.returncode, done.stderr)
        except subprocess.TimeoutExpired:
            ending = f"stopped: it took longer than {options.seconds + GRACE:.0f} s"
        outcome = _read(file)
    outcome.seconds = round(time.monotonic() - start, 2)
    if ending is not None:
        outcome.problems.append(ending)
    if outcome.problems:
        outcome.status = "failed"
    return outcome


def _ending(code: int, stderr: str) -> str:
    cause = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"the process ended with {cause}:\n{stderr[-3000:].strip()}"


def _read(file: Path) -> Outcome:
    outcome = Outcome()
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):
            break  # the process was stopped while it wrote
        found = Finding(*json.loads(line))
        if found.name == "skipped":
            outcome.status, outcome.reason = "skipped", str(found.value)
            break
        outcome.facts[found.name] = found.value
        if found.problem is not None:
            outcome.problems.append(f"{found.name}: {found.problem}")
    return outcome
