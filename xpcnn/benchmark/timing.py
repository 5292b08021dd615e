"""The time of a step: in blocks beside other sides, and alone in a process of its own.

Step-by-step alternation would measure how thread pools take each other's cores; so would blocks
whose first steps count.
"""

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from xpcnn.benchmark.products import products, sgemm
from xpcnn.benchmark.sides import Case, Peer, Side, opened, ours

OURS = "xpcnn"
STEPS, DROPPED, SECONDS = 12, 3, 0.1
"""A block: at least so many steps after those dropped, and at least so long."""
AGREEING = 0.2
"""A ratio is given where the time in blocks is so close to the time alone, on each side."""


def block(side: Side, steps: int = STEPS) -> float:
    """Return the seconds of one step, as the mean over a block."""
    with side.session():
        for _ in range(DROPPED):
            side.step()
        start = perf_counter()
        for _ in range(steps):
            side.step()
        return (perf_counter() - start) / steps


def blocks(sides: Mapping[str, Side], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of a step in each block of each side, the sides by turns."""
    lengths = {name: math.ceil(SECONDS / block(side)) for name, side in sides.items()}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(block(side, max(STEPS, lengths[name])))
    return times


def measured(side: Side, rounds: int = 5) -> dict[str, float]:
    """Return what a process of one side tells: median ms of a step, peak memory in MiB."""
    seconds = median(blocks({OURS: side}, rounds)[OURS])
    return {"ms": 1e3 * seconds, "peak_mb": peak_memory() / 2**20}


def peak_memory() -> int:
    """Return the most bytes that this process has held; 0 where the system does not tell.

    Not `ru_maxrss`: on Linux it starts with what the parent held.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return 0
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def in_process(module: str, *arguments: str) -> dict[str, float]:
    """Run a module in a process of its own; return the JSON that it prints."""
    command = [sys.executable, "-m", module, *arguments]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    facts: dict[str, float] = json.loads(found.stdout)
    return facts


def compare(case: Case, rounds: int, peer: Peer | None) -> dict[str, Any]:
    """Time one case: verified, in alternating blocks, and each side alone."""
    model, x, labels = opened(case)
    sides: dict[str, Side] = {OURS: ours(model, x, labels, case.mode)}
    if peer is not None:
        peer.verify(model, x, labels)
        sides |= peer.sides(model, x, labels, case.mode)
    times = blocks(sides, rounds)
    medians = {name: median(values) for name, values in times.items()}
    flop, least = products(model, case)
    alone = in_process("xpcnn.benchmark", *map(str, case))
    result: dict[str, Any] = {
        **case._asdict(),
        "xpcnn_ms": 1e3 * medians[OURS],
        "xpcnn_alone_ms": alone["ms"],
        "xpcnn_peak_mb": alone["peak_mb"],
        "images_per_second": case.batch / medians[OURS],
        "gflops": flop / medians[OURS] / 1e9,
        "sgemm_gflops": sgemm(),
        "products_ms": 1e3 * least,
    }
    if peer is None:
        return result
    best = min((name for name in sides if name != OURS), key=lambda name: medians[name])
    theirs = peer.alone(case, best)
    ratios = [t / o for t, o in zip(times[best], times[OURS], strict=True)]
    apart = [
        1e3 * medians[name] / facts["ms"] - 1 for name, facts in ((OURS, alone), (best, theirs))
    ]
    agrees = all(abs(difference) <= AGREEING for difference in apart)
    return result | {
        "torch_ms": 1e3 * medians[best],
        "torch_alone_ms": theirs["ms"],
        "torch_peak_mb": theirs["peak_mb"],
        "torch_form": best,
        "torch_forms_ms": {n: 1e3 * s for n, s in medians.items() if n != OURS},
        "ratio": medians[best] / medians[OURS] if agrees else None,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "ratio_alone": theirs["ms"] / alone["ms"],
        "ceiling": medians[best] / least,
    }
