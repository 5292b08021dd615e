"""The processes of a benchmark: each side has one of its own, which serves its cases in turn.

In one process the thread pools of two libraries would take each other's cores. A process whose turn
it is not waits for a line. Between cases it gives back what was freed, and its peak of memory
starts anew, so that of a later case is some MiB above that in a process of its own, not more.
"""

import ctypes
import gc
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeAlias

from xpcnn.benchmark.sides import Side
from xpcnn.errors import XpcnnError, hint

STEPS, DROPPED, SECONDS = 12, 3, 0.05
"""A block: at least so many steps, the first of which do not count, the others at least so long."""
MOST = 7
"""Blocks that a median is of, at most."""

Open: TypeAlias = Callable[..., Side]
"""What a side's process is given: (arguments of the case, form) -> side."""


class NotBuilt(Exception):
    """A form of a side that cannot be built here; says why."""


def block(side: Side, steps: int) -> float:
    """Return the seconds of one step, as the mean over a block."""
    with side.session():
        for _ in range(DROPPED):
            side.step()
        start = perf_counter()
        for _ in range(steps - DROPPED):
            side.step()
        return (perf_counter() - start) / (steps - DROPPED)


def serve(opened: Open) -> None:
    """Be the process of a side: answer every line of JSON by one, until there are no more.

    A list of arguments opens a side, a number times a block of so many steps, null tells the peak.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    side = None
    for line in sys.stdin:
        answer: Any = None
        match json.loads(line):
            case list(arguments):
                side = None
                forget()
                try:
                    side = opened(*arguments)
                except NotBuilt as error:
                    answer = str(error)
            case int(steps):
                assert side is not None
                answer = block(side, steps)
            case None:
                answer = peak_memory() / 2**20
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


def forget() -> None:
    """Give back what was freed, and let the peak start anew, where the system can."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int:
    """Return the most bytes that this process has held; 0 where the system does not tell.

    Not `ru_maxrss`: on Linux it starts with what the parent held.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return 0
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


class Runner:
    """A side in its own process, which runs a module that calls `serve`.

    Of its forms (memory formats, say) the fastest alone is the one that counts.
    """

    def __init__(
        self,
        module: str,
        forms: Sequence[str] = ("",),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.module, self.forms = module, forms
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | (environment or {}),
            text=True,
        )

    def open(self, *arguments: object, seconds: float) -> str | None:
        """Open a case, alone: find its fastest form. Return why none can be built, or None.

        Leaves `form`, `steps` of a block, `alone` (the seconds of a step in blocks begun within so
        many seconds) and no `times`.
        """
        found: dict[str, tuple[list[float], int]] = {}
        for form in self.forms:
            reason = self._ask([*arguments, form])
            if reason is None:
                found[form] = self._time(seconds)
        if not found:
            return str(reason)
        self.form = min(found, key=lambda form: median(found[form][0]))
        if self.form != form:
            self._ask([*arguments, self.form])
        self.alone, self.steps = found[self.form]
        self.times: list[float] = []
        return None

    def _time(self, seconds: float) -> tuple[list[float], int]:
        """Return the seconds of a step in blocks, and the steps of a block."""
        self.steps = max(STEPS, DROPPED + math.ceil(SECONDS / self._ask(DROPPED + 2)))
        start = perf_counter()
        times = [self.block()]
        while len(times) < MOST and perf_counter() - start < seconds:
            times.append(self.block())
        return times, self.steps

    def block(self) -> float:
        """Return the seconds of a step in one block."""
        return float(self._ask(self.steps))

    def peak(self) -> float:
        """Return the most MiB held since the case was opened."""
        return float(self._ask(None))

    def close(self) -> None:
        """End the process."""
        self.process.communicate()

    def _ask(self, question: object) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):  # it then has no answer either
            self.process.stdin.write(f"{json.dumps(question)}\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            message = f"the process of {self.module} ended without an answer"
            raise XpcnnError(hint(message, f"python -m {self.module}, and see its words above"))
        return json.loads(answer)
