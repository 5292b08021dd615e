"""The time of a step: every side alone first, then the sides in alternating blocks."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from xpcnn.benchmark.process import MOST, Runner
from xpcnn.benchmark.products import products, sgemm
from xpcnn.benchmark.sides import Case, Peer, opened

FEWEST = 3
"""Rounds of blocks in turns."""
AGREEING = 0.2
"""A ratio is given where the time in turns is so close to the time alone, on each side."""


class Effort(NamedTuple):
    """Seconds after which no further block of a side alone, and no further round, begins."""

    alone: float
    turns: float


QUICK, FULL = Effort(0.2, 0.7), Effort(2.0, 20.0)


class Bench:
    """The processes of our side and of a peer's, which serve case after case."""

    def __init__(self, effort: Effort, peer: Peer | None) -> None:
        self.effort, self.peer = effort, peer
        self.ours = Runner("xpcnn.benchmark")
        self.theirs = {}
        if peer is not None:
            self.theirs = {name: Runner(peer.module, forms) for name, forms in peer.sides.items()}

    def compare(self, case: Case) -> dict[str, Any]:
        """Time one case: verified first, then each side alone, then the sides by turns."""
        model, x, labels = opened(case)
        if self.peer is not None:
            self.peer.verify(model, x, labels)
        for side in (self.ours, *self.theirs.values()):
            side.peak()  # answered when its imports are done
        flop, least = products(model, case.batch, case.mode)
        ours, alone = self.ours, self.effort.alone
        ours.open(*case, seconds=alone)
        failed = {name: side.open(*case, seconds=alone) for name, side in self.theirs.items()}
        theirs = {name: side for name, side in self.theirs.items() if failed[name] is None}
        turns([ours, *theirs.values()], self.effort.turns)
        seconds = median(ours.times)
        result = {
            **case._asdict(),
            **figures("xpcnn", ours),
            "images_per_second": case.batch / seconds,
            "gflops": flop / seconds / 1e9,
            "sgemm_gflops": sgemm(),
            "products_ms": 1e3 * least,
        }
        for name, side in theirs.items():
            before = "" if name == next(iter(self.theirs)) else f"{name}_"
            found = {**ratios(ours, side), "ceiling": median(side.times) / least}
            result |= figures(name, side) | {f"{name}_form": side.form}
            result |= {before + key: value for key, value in found.items()}
        return result | {f"{name}_failed": reason for name, reason in failed.items() if reason}

    def close(self) -> None:
        """End the processes."""
        for runner in (self.ours, *self.theirs.values()):
            runner.close()


def turns(sides: Sequence[Runner], seconds: float) -> None:
    """Time blocks of the sides by turns."""
    start = perf_counter()
    for done in range(MOST):
        if done >= FEWEST and perf_counter() - start > seconds:
            break
        for side in sides:
            side.times.append(side.block())


def figures(name: str, side: Runner) -> dict[str, Any]:
    """Return what is told of a side by itself."""
    return {
        f"{name}_ms": 1e3 * median(side.times),
        f"{name}_alone_ms": 1e3 * median(side.alone),
        f"{name}_peak_mb": side.peak(),
    }


def ratios(ours: Runner, theirs: Runner) -> dict[str, float | None]:
    """Return their time over ours: of medians, the least and greatest of the rounds, and alone."""
    rounds = [t / o for t, o in zip(theirs.times, ours.times, strict=True)]
    apart = [median(side.times) / median(side.alone) - 1 for side in (ours, theirs)]
    agrees = all(abs(difference) <= AGREEING for difference in apart)
    return {
        "ratio": median(theirs.times) / median(ours.times) if agrees else None,
        "ratio_low": min(rounds),
        "ratio_high": max(rounds),
        "ratio_alone": median(theirs.alone) / median(ours.alone),
    }
