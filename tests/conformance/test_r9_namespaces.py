"""R9: R5, R6 and R8 count the same on every array library. Runs after them."""

from collections import defaultdict

import pytest

from tests.conformance.figures import has_a_part, report
from tests.conformance.tally import Tally, uneven


def test_the_same_counts_on_every_library(tally: Tally) -> None:
    for name in filter(has_a_part, list(tally)):
        del tally[name]
    if any(counts.keys() != {"R5", "R6", "R8"} for counts in tally.values()) or len(tally) < 2:
        pytest.skip("R9 compares what R5, R6 and R8 count in the same run")
    problems = uneven(tally)
    passed, applied = (
        sum(count[i] for counts in tally.values() for count in counts.values()) for i in (0, 1)
    )
    report("R9 the same on every library", passed, applied, note=", ".join(tally))
    assert not problems


def test_a_missing_case_is_seen() -> None:
    tally: Tally = defaultdict(dict)
    tally["a"] = {"R5": (300, 300), "R6": (25, 25)}
    tally["b"] = {"R5": (300, 300), "R6": (25, 25)}
    assert uneven(tally) == []
    tally["b"] = {"R5": (299, 300)}
    assert uneven(tally) == [
        "R5 on b: (299, 300), expected 300",
        "R6 on b: None, expected 25",
    ]
    tally["b"] = {"R5": (299, 299), "R6": (25, 25)}
    assert len(uneven(tally)) == 1
