"""Time augmentation of a batch beside PyTorch: `python -m tests.bench.augmentation`.

Both sides get the same draws, and first must compute the same. PyTorch's is written in several
ways, of which the fastest is timed; see `augment_sides`. Each figure is the median of several pairs
of processes, the ratios with the lowest and the highest. --processes N.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import product

from tests.bench.augment_sides import CASES, FORMS, compare
from tests.bench.kernels import cells, measure
from xpcnn.benchmark.growth import markdown

THREADS = (1, 2)
BATCHES = (64, 256)
HEAD = (
    *("augmentation of images", "batch"),
    *(cell for n in THREADS for cell in (f"ms, threads: {n}", "ratio")),
)


def page(processes: int = 3) -> Iterator[str]:
    """Yield the table of augmentations.

    processes: how many pairs of processes.
    """
    for name in CASES:
        compare(name, 4)
    rows = [[name, str(batch)] for name, batch in product(CASES, BATCHES)]
    for threads in THREADS:
        runs = []
        for number in range(processes):
            print(f"{threads} threads, processes {number + 1}", file=sys.stderr, flush=True)
            found = [
                measure(list(CASES), batch, threads, "tests.bench.augment_sides", FORMS)
                for batch in BATCHES
            ]
            runs.append([timing for pair in zip(*found, strict=True) for timing in pair])
        for row, timings in zip(rows, zip(*runs, strict=True), strict=True):
            row += cells(timings)
    yield from markdown(HEAD, rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.augmentation", description=__doc__)
    parser.add_argument("--processes", type=int, default=3, help="pairs of processes")
    for line in page(parser.parse_args().processes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
