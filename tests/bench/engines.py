"""Time inference beside ONNX Runtime: `python -m tests.bench.engines [NAME ...] [--batches 1,8]`.

Both run the same network on the same number of threads, in alternating blocks. Prints a table: our
milliseconds, and the ratio of ONNX Runtime's time to ours as a median of pairs of blocks, with its
90 % interval. NAME: presets, by default those of `xpcnn bench`. A guide has this table; see
`tests.bench.page`.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import product

from tests.bench.engine_sides import FORMS, compare
from xpcnn.benchmark import Runner
from xpcnn.benchmark.growth import markdown
from xpcnn.benchmark.ratio import ratio_of
from xpcnn.benchmark.timing import Effort, alternate
from xpcnn.cli.commands.bench import MODELS
from xpcnn.models import preset

EFFORT = Effort(0.05, 15, 2.0)
BATCHES = (1, 8, 64)
HEAD = ("network", "batch", "inference, ms", "ONNX Runtime, ms", "ratio")


def rows(names: Sequence[str], batches: Sequence[int], effort: Effort) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each network at each batch size."""
    module = "tests.bench.engine_sides"
    with closing(Runner(module, FORMS[:1])) as ours, closing(Runner(module, FORMS[1:])) as theirs:
        for name, batch in product(names, batches):
            compare(name, batch)
            for side in (ours, theirs):
                side.open(name, batch, seconds=effort.alone)
            alternate(ours, [theirs], effort)
            found = ratio_of(theirs.blocks, ours.blocks)
            interval = f"{found.low:.2f} to {found.high:.2f}"
            yield (
                f"`{name}`",
                str(batch),
                *(f"{1e3 * side.seconds():.3g}" for side in (ours, theirs)),
                f"{found.ratio:.2f} ({interval}{'' if found.settled else ', unsettled'})",
            )


def page() -> Iterator[str]:
    """Yield the table of the guide."""
    yield from markdown(HEAD, rows(MODELS, BATCHES, EFFORT))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engines", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=MODELS)
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)))
    arguments = parser.parse_args()
    for name in arguments.names:
        preset(name)  # rejects an unknown name before anything is timed
    batches = [int(batch) for batch in arguments.batches.split(",")]
    for line in markdown(HEAD, rows(arguments.names, batches, EFFORT)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
