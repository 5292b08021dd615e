"""Images per second in training, beside the small projects that xpcnn grew from.

Their code is not part of this repository. Here are the figures that were once measured of them, on
two cores of another machine with other work beside, and stand-ins timed here (`loops.py`): the same
networks with convolutions in the way of each, at the batch that it took.
"""

import argparse
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from xpcnn.benchmark import Runner
from xpcnn.benchmark.growth import markdown
from xpcnn.benchmark.timing import Effort, alternate

BATCH, PAIRS = 64, 11


class Project(NamedTuple):
    """A network, the loops of its convolutions, the batch; images per second from and to."""

    model: str
    way: str
    batch: int
    measured: tuple[int, int]


PROJECTS = (
    Project("kaggle", "numbers", 1, (20, 83)),  # in batches of 64, one image after another
    Project("two-conv", "pixels", 1, (22, 39)),
    Project("sigmoid-binary", "maps", 1, (233, 363)),  # two projects, SciPy's correlation
    Project("tiny", "pixels, filters back", 40, (185, 476)),
    Project("small", "pixels, filters back", 40, (125, 130)),
    Project("medium", "pixels, filters back", 40, (32, 77)),
)


def compare(project: Project) -> dict[str, Any]:
    """Time a stand-in, and ours at its batch and at 64, by turns."""
    name, way, batch, measured = project
    with (
        closing(Runner("tests.bench.loops", (way,))) as theirs,
        closing(Runner("xpcnn.benchmark")) as ours,
        closing(Runner("xpcnn.benchmark")) as batched,
    ):
        theirs.open(name, batch, seconds=0)
        ours.open(name, batch, "train", seconds=0)
        batched.open(name, BATCH, "train", seconds=0)
        alternate(ours, [theirs, batched], Effort(0, PAIRS, 1))
        return {
            **project._asdict(),
            "measured": measured,
            "stand_in": batch / theirs.seconds(),
            "xpcnn": batch / ours.seconds(),
            "xpcnn_64": BATCH / batched.seconds(),
        }


HEAD = (
    *("network", "loops over", "batch", "the project, elsewhere", "stand-in"),
    *("xpcnn, that batch", "xpcnn, 64", "times the stand-in"),
)


def cells(result: dict[str, Any]) -> Iterator[str]:
    """Yield the cells of a row."""
    low, high = result["measured"]
    yield from (f"`{result['model']}`", result["way"], str(result["batch"]), f"{low} to {high}")
    yield from (f"{result[side]:,.0f}" for side in ("stand_in", "xpcnn", "xpcnn_64"))
    yield f"{result['xpcnn_64'] / result['stand_in']:.0f}"


def page() -> Iterator[str]:
    """Yield the table in Markdown, measured now."""
    yield from markdown(HEAD, (cells(compare(project)) for project in PROJECTS))


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tests.bench.projects", description=__doc__).parse_args()
    for line in page():
        print(line, flush=True)
