"""The ratio of two sides: its interval by hand, what is disturbed, what is said of it."""

from math import comb

import pytest

from xpcnn.benchmark.process import Block
from xpcnn.benchmark.ratio import Ratio, rank, ratio_of, undisturbed


def blocks(*seconds: float) -> list[Block]:
    return [Block(value, 0.0) for value in seconds]


def test_a_median_and_its_interval() -> None:
    """Of five pairs the interval is from the least to the greatest."""
    found = ratio_of(blocks(2.0, 2.2, 1.9, 2.1, 2.0), blocks(1.0, 1.0, 1.0, 1.0, 1.0))
    assert found == Ratio(2.0, 1.9, 2.2, pairs=5, disturbed=0, settled=True)


@pytest.mark.parametrize(("n", "k"), [(5, 1), (7, 1), (8, 2), (11, 3), (13, 4), (21, 7)])
def test_the_interval_of_a_median(n: int, k: int) -> None:
    """It misses where fewer than k of n fair coins fall on one side; k + 1 would miss too often."""
    assert rank(n) == k
    missed = [2 * sum(comb(n, i) for i in range(j)) / 2**n for j in (k, k + 1)]
    assert missed[0] <= 0.1 < missed[1]


def test_a_block_far_off_its_side_is_disturbed() -> None:
    ours, theirs = blocks(1.0, 1.1, 1.3, 0.9, 1.0), blocks(2.0, 2.1, 2.0, 1.5, 1.9)
    assert undisturbed(ours) == [0, 1, 3, 4]
    assert undisturbed(ours, theirs) == [0, 1, 4]


def test_a_block_that_waited_for_a_core_is_disturbed() -> None:
    assert undisturbed([Block(1.0, 0.05), Block(1.0, 0.2), Block(1.0, 0.1)]) == [0, 2]


def test_disturbed_pairs_are_left_out() -> None:
    ours, theirs = blocks(1.0, 1.0, 5.0, 1.0, 1.0, 1.0), blocks(2.0, 2.2, 2.0, 1.8, 2.0, 2.1)
    assert ratio_of(theirs, ours) == Ratio(2.0, 1.8, 2.2, pairs=6, disturbed=1, settled=True)


def test_where_the_machine_never_settles_all_pairs_count() -> None:
    ours, theirs = blocks(1.0, 2.0, 4.0, 8.0, 16.0), blocks(2.0, 2.0, 2.0, 2.0, 2.0)
    assert ratio_of(theirs, ours) == Ratio(0.5, 0.125, 2.0, pairs=5, disturbed=4, settled=False)
