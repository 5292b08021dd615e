"""Time ops, forward and backward, beside PyTorch: `python -m tests.bench.kernels [NAME ...]`.

Prints a table: for one thread and for two, our milliseconds and the ratio of PyTorch's time to ours
in the better of its memory formats, as a median of pairs of blocks. --batch N, --threads 1,2.
"""

import argparse
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from tests.bench.op_sides import CASES, FORMS, compare
from xpcnn.benchmark import Runner
from xpcnn.benchmark.growth import markdown
from xpcnn.benchmark.ratio import ratio_of
from xpcnn.benchmark.timing import Effort, alternate

EFFORT = Effort(0.05, 9, 1.5)


def measure(names: list[str], batch: int, threads: int) -> Iterator[tuple[str, str]]:
    """Yield the cells of each case: our milliseconds; the ratio with its 90 % interval."""
    environment = {"XPCNN_NUM_THREADS": str(threads)}
    with (
        closing(Runner("tests.bench.op_sides", ("xpcnn",), environment)) as ours,
        closing(Runner("tests.bench.op_sides", FORMS, environment)) as theirs,
    ):
        for name in names:
            for side in (ours, theirs):
                side.open(name, batch, seconds=EFFORT.alone)
            alternate(ours, [theirs], EFFORT)
            found = ratio_of(theirs.blocks, ours.blocks)
            interval = (
                f"{found.low:.2f} to {found.high:.2f}{'' if found.settled else ', unsettled'}"
            )
            yield f"{1e3 * ours.seconds():.3g}", f"{found.ratio:.2f} ({interval})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kernels", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="beginning of the name of a case")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", default="1,2")
    arguments = parser.parse_args()
    chosen = [n for n in CASES if not arguments.names or n.startswith(tuple(arguments.names))]
    if not chosen:
        parser.error(f"no case begins with {' or '.join(arguments.names)}: {', '.join(CASES)}")
    for name in chosen:
        compare(name, 4)
    counts = [int(count) for count in arguments.threads.split(",")]
    columns: list[Any] = [measure(chosen, arguments.batch, count) for count in counts]
    head = [cell for count in counts for cell in (f"ms, threads: {count}", "ratio")]
    rows = (
        [f"`{name}`", *(cell for pair in row for cell in pair)]
        for name, *row in zip(chosen, *columns, strict=True)
    )
    for line in markdown(["case", *head], rows):
        print(line, flush=True)


if __name__ == "__main__":
    main()
