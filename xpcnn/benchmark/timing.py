"""The time of a step: every side in a process of its own, alone first, then in alternating blocks.

In one process the thread pools of two libraries would take each other's cores. A process whose turn
it is not waits for a line; the first steps of each block do not count.
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from xpcnn.benchmark.products import products, sgemm
from xpcnn.benchmark.sides import Case, Peer, Side, opened

STEPS, DROPPED, SECONDS = 12, 3, 0.1
"""A block: at least so many steps after those dropped, and at least so long."""
ALONE = 2
"""Blocks of a side alone."""
FEWEST, LONGEST = 3, 20
"""Rounds of blocks by turns, and the seconds after which there are no more."""
AGREEING = 0.2
"""A ratio is given where the time in turns is so close to the time alone, on each side."""


def block(side: Side, steps: int) -> float:
    """Return the seconds of one step, as the mean over a block."""
    with side.session():
        for _ in range(DROPPED):
            side.step()
        start = perf_counter()
        for _ in range(steps):
            side.step()
        return (perf_counter() - start) / steps


def serve(side: Side, facts: dict[str, Any]) -> None:
    """Be the process of a side: tell facts, then time a block of each number of steps asked."""
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        print(block(side, int(line)), flush=True)
    print(json.dumps({"peak_mb": peak_memory() / 2**20}))


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
    """A side in its own process, which runs a module that calls `serve`."""

    def __init__(self, module: str, *arguments: object) -> None:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.facts: dict[str, Any] = json.loads(self._ask(None))
        self.steps = max(STEPS, math.ceil(SECONDS / float(self._ask(2))))
        self.alone = median(self.block() for _ in range(ALONE))
        self.times: list[float] = []

    def block(self) -> float:
        """Return the seconds of a step in one block."""
        return float(self._ask(self.steps))

    def end(self) -> float:
        """End the process; return the most MiB that it held."""
        out, _ = self.process.communicate()
        peak: float = json.loads(out)["peak_mb"]
        return peak

    def _ask(self, steps: int | None) -> str:
        """Return the next line, of a block of so many steps."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if steps is not None:
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
        return self.process.stdout.readline()


def compare(case: Case, rounds: int, peer: Peer | None) -> dict[str, Any]:
    """Time one case: verified first, then each side alone, then the sides by turns."""
    model, x, labels = opened(case)
    flop, least = products(model, case)
    ours = Runner("xpcnn.benchmark", *case)
    runners = [ours]
    if peer is not None:
        peer.verify(model, x, labels)
        runners.append(Runner(peer.module, *case, *peer.arguments))
    start = perf_counter()
    for done in range(rounds):
        if done >= FEWEST and perf_counter() - start > LONGEST:
            break
        for runner in runners:
            runner.times.append(runner.block())
    medians = [median(runner.times) for runner in runners]
    peaks = [runner.end() for runner in runners]
    result: dict[str, Any] = {
        **case._asdict(),
        "xpcnn_ms": 1e3 * medians[0],
        "xpcnn_alone_ms": 1e3 * ours.alone,
        "xpcnn_peak_mb": peaks[0],
        "images_per_second": case.batch / medians[0],
        "gflops": flop / medians[0] / 1e9,
        "sgemm_gflops": sgemm(),
        "products_ms": 1e3 * least,
    }
    if peer is None:
        return result
    theirs = runners[1]
    ratios = [t / o for t, o in zip(theirs.times, ours.times, strict=True)]
    apart = [m / runner.alone - 1 for m, runner in zip(medians, runners, strict=True)]
    agrees = all(abs(difference) <= AGREEING for difference in apart)
    return result | {
        "torch_ms": 1e3 * medians[1],
        "torch_alone_ms": 1e3 * theirs.alone,
        "torch_peak_mb": peaks[1],
        **theirs.facts,
        "ratio": medians[1] / medians[0] if agrees else None,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "ratio_alone": theirs.alone / ours.alone,
        "ceiling": medians[1] / least,
    }
