"""Time ops, forward and backward, beside PyTorch: `python -m tests.bench.kernels [NAME ...]`.

Prints a table: for one thread and for two, our milliseconds and the ratio of PyTorch's time to ours
in the better of its memory formats. Each figure is the median of several pairs of processes, the
ratios with the lowest and the highest: where a process's arrays happen to lie in memory changes
the time of an op that waits for memory by up to a half. --batch N, --threads 1,2, --processes N.
"""

import argparse
from collections.abc import Sequence
from contextlib import closing
from statistics import median
from typing import NamedTuple

from tests.bench.op_sides import CASES, FORMS, compare
from xpcnn.benchmark import Runner
from xpcnn.benchmark.growth import markdown
from xpcnn.benchmark.ratio import ratio_of
from xpcnn.benchmark.timing import Effort, alternate

EFFORT = Effort(0.05, 9, 1.5)


class Timing(NamedTuple):
    """Our milliseconds, and PyTorch's time over ours, in one pair of processes."""

    milliseconds: float
    ratio: float


def measure(
    names: Sequence[str],
    batch: int,
    threads: int,
    module: str = "tests.bench.op_sides",
    forms: Sequence[str] = FORMS,
) -> list[Timing]:
    """Time each case in a new pair of processes.

    module: of the sides; forms: of PyTorch's.
    """
    environment = {"XPCNN_NUM_THREADS": str(threads)}
    timings = []
    with (
        closing(Runner(module, ("xpcnn",), environment)) as ours,
        closing(Runner(module, forms, environment)) as theirs,
    ):
        for name in names:
            for side in (ours, theirs):
                side.open(name, batch, seconds=EFFORT.alone)
            alternate(ours, [theirs], EFFORT)
            timings.append(Timing(1e3 * ours.seconds(), ratio_of(theirs.blocks, ours.blocks).ratio))
    return timings


def cells(timings: tuple[Timing, ...]) -> tuple[str, str]:
    """Return the cells of a case, timed in several pairs of processes."""
    ratios = sorted(t.ratio for t in timings)
    interval = f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"{median(t.milliseconds for t in timings):.3g}", interval


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kernels", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="beginning of the name of a case")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--processes", type=int, default=5, help="pairs of processes")
    arguments = parser.parse_args()
    chosen = [n for n in CASES if not arguments.names or n.startswith(tuple(arguments.names))]
    if not chosen:
        parser.error(f"no case begins with {' or '.join(arguments.names)}: {', '.join(CASES)}")
    for name in chosen:
        compare(name, 4)
    head, rows = ["case"], [[f"`{name}`"] for name in chosen]
    for threads in map(int, arguments.threads.split(",")):
        head += [f"ms, threads: {threads}", "ratio"]
        runs = [measure(chosen, arguments.batch, threads) for _ in range(arguments.processes)]
        for row, timings in zip(rows, zip(*runs, strict=True), strict=True):
            row += cells(timings)
    for line in markdown(head, rows):
        print(line, flush=True)


if __name__ == "__main__":
    main()
