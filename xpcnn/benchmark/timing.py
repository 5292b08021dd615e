"""The time of a step: each side alone first, then the sides in alternating blocks."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from xpcnn.benchmark.process import Runner
from xpcnn.benchmark.products import im2col_products, sgemm
from xpcnn.benchmark.ratio import FEWEST, is_settled, ratio_of, undisturbed
from xpcnn.benchmark.sides import Case, Peer, opened
from xpcnn.errors import BackendError


class Effort(NamedTuple):
    """How long to measure.

    alone: seconds of a side alone. pairs: undisturbed pairs of blocks after which to stop, or after
    that many seconds; if the pairs are too disturbed by then, after up to twice as many.
    verified: of how many images of a batch the peer computes what ours must be; None: of all.
    """

    alone: float
    pairs: int
    seconds: float
    verified: int | None = None


QUICK, FULL = Effort(0.1, 21, 4.0), Effort(1.0, 31, 20.0)
LARGE = QUICK._replace(verified=2)  # in float64 a batch of large images takes minutes


class Bench:
    """The processes of our side and of a peer's sides, which run case after case."""

    def __init__(self, effort: Effort, peer: Peer | None) -> None:
        self.effort, self.peer = effort, peer
        self.rejected: dict[tuple[str, int], dict[str, str]] = {}
        self.ours = Runner("xpcnn.benchmark")
        self.theirs: dict[str, Runner] = {}
        if peer is not None:
            self.theirs = {name: Runner(peer.module, forms) for name, forms in peer.sides.items()}

    def compare(self, case: Case) -> dict[str, Any]:
        """Verify one case, then time each side alone, then the sides in alternating blocks."""
        failed = self._verify(case)
        for side in (self.ours, *self.theirs.values()):
            side.peak()  # answered when its imports are done
        flop, least = im2col_products(opened(case)[0], case.batch, case.mode)
        ours = self.ours
        ours.open(*case, seconds=self.effort.alone)
        theirs = {}
        for name, side in self.theirs.items():
            try:
                if name not in failed:
                    side.open(*case, seconds=self.effort.alone)
                    theirs[name] = side
            except BackendError as error:
                failed[name] = str(error)
        alternate(ours, list(theirs.values()), self.effort)
        result = {
            **case._asdict(),
            **figures("xpcnn", ours),
            "images_per_second": case.batch / ours.seconds(),
            "gflops": flop / ours.seconds() / 1e9,
            "sgemm_gflops": sgemm(),
            "products_ms": 1e3 * least,
            **dict.fromkeys(("ratio", "ratio_low", "ratio_high")),  # where there is no peer
        }
        for name, side in theirs.items():
            before = "" if name == next(iter(self.theirs)) else f"{name}_"
            found = {**ratios(side, ours), "ceiling": side.seconds() / least}
            result |= figures(name, side) | {f"{name}_form": side.form}
            result |= {before + key: value for key, value in found.items()}
        return result | {f"{name}_failed": reason for name, reason in failed.items()}

    def _verify(self, case: Case) -> dict[str, str]:
        """Verify a network, once for all modes; return by side why the peer cannot build it."""
        key = (case.model, case.batch)
        if self.peer is not None and key not in self.rejected:
            self.rejected[key] = {}
            try:
                batch = max(case.batch, 2)  # PyTorch's batch norm trains on no single number
                given = opened(case._replace(batch=batch))
                self.peer.verify(*given, self.effort.verified or batch)
            except BackendError as error:
                self.rejected[key] = dict.fromkeys(self.theirs, str(error))
        return dict(self.rejected.get(key, {}))

    def close(self) -> None:
        """End the processes."""
        for runner in (self.ours, *self.theirs.values()):
            runner.close()


def alternate(ours: Runner, theirs: Sequence[Runner], effort: Effort) -> None:
    """Time blocks of the sides by turns, until the pairs of ours with each other side suffice.

    Ours stands beside the first two of the others, and every second round runs backwards: a machine
    that becomes slower or faster meanwhile does so for both blocks of a pair.
    """
    order = [*theirs[:1], ours, *theirs[1:]]
    start = perf_counter()
    while not enough(ours, theirs, effort, perf_counter() - start):
        for side in order:
            side.blocks.append(side.block())
        order.reverse()


def enough(ours: Runner, theirs: Sequence[Runner], effort: Effort, seconds: float) -> bool:
    """Whether the blocks of the sides suffice, after that many seconds."""
    measured = len(ours.blocks)
    if measured < FEWEST:
        return False
    pairs = [[ours.blocks, side.blocks] for side in theirs] or [[ours.blocks]]
    kept = min(len(undisturbed(*pair)) for pair in pairs)
    if not is_settled(kept, measured):
        return seconds > 2 * effort.seconds
    return kept >= effort.pairs or seconds > effort.seconds


def figures(name: str, side: Runner) -> dict[str, Any]:
    """Return the figures of one side."""
    return {
        f"{name}_ms": 1e3 * side.seconds(),
        f"{name}_alone_ms": 1e3 * median(block.seconds for block in side.alone),
        f"{name}_peak_mb": side.peak(),
    }


def ratios(theirs: Runner, ours: Runner) -> dict[str, Any]:
    """Return the other side's time over ours: in pairs of blocks, and alone."""
    found = ratio_of(theirs.blocks, ours.blocks)
    alone = [median(block.seconds for block in side.alone) for side in (theirs, ours)]
    return {
        "ratio": found.ratio,
        "ratio_low": found.low,
        "ratio_high": found.high,
        "settled": found.settled,
        "pairs": found.pairs,
        "disturbed_pairs": found.disturbed,
        "ratio_alone": alone[0] / alone[1],
    }
