"""The processes of a benchmark: each side has a process of its own, which runs case after case.

In one process the thread pools of two libraries would take each other's cores. A process that is
not being timed waits for a line on its standard input. Between cases it returns freed memory to the
system and resets its peak, so that the peak of a later case is at most some MiB too high.
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
from typing import Any, NamedTuple, TypeAlias

from xpcnn.benchmark.sides import Side
from xpcnn.errors import BackendError, XpcnnError, hint

WARM_UP, SECONDS, STEPS = 0.06, 0.05, 2
"""A block: steps for WARM_UP seconds that do not count, then at least STEPS steps and SECONDS.

After another side's block the shared caches hold its data. Steps that use 25 MB took 13.2, 9.6,
8.9, 8.4, 7.9, 7.6 ms, and 7.3 from the eighth on: what training, never interrupted, takes.
"""
LONG = 1.0
"""A step of as many seconds is a block by itself, without a warm-up."""
ALONE = 3
"""The least number of blocks of a side alone."""

Open: TypeAlias = Callable[..., Side]
"""Called in a side's process with the arguments of a case and the form; returns the side, or raises
a BackendError that says why it cannot be built on this machine."""


class Block(NamedTuple):
    """A timed block: mean seconds of a step; share of the time that its threads waited for a core.

    Linux reports how long a thread was ready to run while others had the cores; elsewhere it is 0.
    """

    seconds: float
    waited: float


def timed(side: Side, steps: int) -> Block:
    """Time a block of steps."""
    with side.session():
        if steps > 1:
            start = perf_counter()
            side.step()
            while perf_counter() - start < WARM_UP:
                side.step()
        before, start = waiting(), perf_counter()
        for _ in range(steps):
            side.step()
        seconds = perf_counter() - start
        return Block(seconds / steps, (waiting() - before) / seconds)


def waiting() -> float:
    """Return the seconds that this process's threads have waited for a core so far."""
    waited = 0
    for thread in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # the thread has ended
            waited += int(thread.read_text(encoding="ascii").split()[1])
    return waited / 1e9


def serve(opened: Open) -> None:
    """Serve timing requests until standard input ends: one JSON line in, one JSON line out.

    A list opens a side with these arguments (answer: null, or why it cannot be built), a number
    times a block of that many steps (answer: a `Block`), null asks for the peak of memory in MiB.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    side = None
    for line in sys.stdin:
        answer: Any = None
        match json.loads(line):
            case list(arguments):
                side = None
                release_memory()
                try:
                    side = opened(*arguments)
                except BackendError as error:
                    answer = str(error)
            case int(steps):
                assert side is not None
                answer = timed(side, steps)
            case None:
                answer = peak_memory() / 2**20
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


def release_memory() -> None:
    """Return freed memory to the system and reset the peak, where the system can."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int:
    """Return the peak of this process's memory in bytes; 0 where the system reports none.

    Not `ru_maxrss`: on Linux it starts with what the parent held.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return 0
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def python(*arguments: str | Path) -> list[str]:
    """Return a command that runs this Python; for the environment see `search_path`.

    -P: modules of the same names in the current folder, or beside a script, are not imported.
    """
    return [sys.executable, "-P", *map(str, arguments)]


def search_path() -> dict[str, str]:
    """Return this environment, with which a child process finds the modules that this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


class Runner:
    """A side in its own process, which runs a module that calls `serve`.

    A side may have several forms (memory formats, say); the fastest of them is timed.
    """

    def __init__(
        self,
        module: str,
        forms: Sequence[str] = ("",),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.module, self.forms = module, forms
        self.process = subprocess.Popen(
            python("-m", module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=search_path() | dict(environment or {}),
            text=True,
        )

    def open(self, *arguments: object, seconds: float) -> None:
        """Open a case, time its forms alone and choose the fastest.

        Sets `form`, `steps` (of a block), `alone` (blocks begun within that many seconds, at least
        ALONE) and empties `blocks`.

        Raises:
            BackendError: no form can be built on this machine; says why.
        """
        found: dict[str, tuple[list[Block], int]] = {}
        for form in self.forms:
            reason = self._ask([*arguments, form])
            if reason is None:
                found[form] = self._time(seconds)
        if not found:
            message, _, advice = str(reason).partition("\nTry: ")
            raise BackendError(hint(message, advice))
        self.form = min(found, key=lambda form: min(found[form][0]))  # other work only adds
        if self.form != form:
            self._ask([*arguments, self.form])
        self.alone, self.steps = found[self.form]
        self.blocks: list[Block] = []

    def _time(self, seconds: float) -> tuple[list[Block], int]:
        """Return blocks of a side alone, and the number of steps of a block."""
        self.steps = STEPS
        step = self.block().seconds
        self.steps = 1 if step > LONG else max(STEPS, math.ceil(SECONDS / step))
        start, blocks = perf_counter(), [self.block()]
        while len(blocks) < ALONE or perf_counter() - start < seconds:
            blocks.append(self.block())
        return blocks, self.steps

    def block(self) -> Block:
        """Time a block of the case that is open."""
        return Block(*self._ask(self.steps))

    def seconds(self) -> float:
        """Return the median of the seconds of a step in `blocks`."""
        return median(block.seconds for block in self.blocks)

    def peak(self) -> float:
        """Return the peak of memory in MiB since the case was opened."""
        return float(self._ask(None))

    def close(self) -> None:
        """End the process."""
        self.process.communicate()

    def _ask(self, question: object) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):  # the process has ended, and gives no answer either
            self.process.stdin.write(f"{json.dumps(question)}\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            message = f"the process of {self.module} ended without an answer"
            raise XpcnnError(hint(message, f"python -m {self.module}, and read its output above"))
        return json.loads(answer)
