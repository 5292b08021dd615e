"""The ratio of two sides, from pairs of neighbouring blocks: a median with its 90 % interval."""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from xpcnn.benchmark.process import Block

FEWEST = 5
"""The least number of pairs whose median has a 90 % interval; see `rank`."""
MISSED = 0.1
FAR, WAITED = 0.2, 0.1
"""A block is disturbed if its time is so far from the median of its side, relative to it, or if its
threads waited for a core for more than WAITED of its time."""


class Ratio(NamedTuple):
    """The ratio of two sides.

    ratio: the median of the pairs' ratios.
    low, high: its 90 % interval.
    pairs: how many were measured.
    disturbed: how many of them were disturbed.
    settled: whether the disturbed pairs are left out of the ratio; otherwise too few others remain,
        and all pairs count.
    """

    ratio: float
    low: float
    high: float
    pairs: int
    disturbed: int
    settled: bool


def ratio_of(numerators: Sequence[Block], denominators: Sequence[Block]) -> Ratio:
    """Return the ratio of the seconds of two sides, whose blocks were timed in pairs."""
    kept = undisturbed(numerators, denominators)
    settled = is_settled(len(kept), len(numerators))
    used = kept if settled else range(len(numerators))
    ratios = sorted(numerators[i].seconds / denominators[i].seconds for i in used)
    k = rank(len(ratios))
    measured, disturbed = len(numerators), len(numerators) - len(kept)
    return Ratio(median(ratios), ratios[k - 1], ratios[-k], measured, disturbed, settled)


def is_settled(kept: int, measured: int) -> bool:
    """Whether enough pairs are undisturbed: FEWEST, and half of those measured."""
    return kept >= max(FEWEST, measured / 2)


def undisturbed(*sides: Sequence[Block]) -> list[int]:
    """Return the places at which the block of no side is disturbed."""
    usual = [median(block.seconds for block in blocks) for blocks in sides]
    return [
        i
        for i, row in enumerate(zip(*sides, strict=True))
        if all(
            abs(block.seconds - its) <= FAR * its and block.waited <= WAITED
            for block, its in zip(row, usual, strict=True)
        )
    ]


def rank(n: int) -> int:
    """Return the k for which the k-th smallest and the k-th largest of n values enclose the median.

    With a probability of at least 90 %, and as closely as that allows; at least 1. Each value is
    below the true median with probability 1/2, independently, so the number below has the binomial
    distribution B(n, 1/2). The interval misses the median if fewer than k values lie on one side of
    it: probability 2 P(B < k). k is the largest with 2 P(B < k) <= 10 %. For n = 5, k = 1.
    """
    k, missed = 0, 0.0
    while missed <= MISSED:
        missed += 2 * math.comb(n, k) / 2**n
        k += 1
    return max(1, k - 1)
