"""What the judges R5, R6 and R8 counted on each array library, for R9."""

from collections import defaultdict
from typing import TypeAlias

Tally: TypeAlias = defaultdict[str, dict[str, tuple[int, int]]]
"""By library and judge: how many passed, and how many applied."""


def uneven(tally: Tally) -> list[str]:
    """Return what keeps the libraries from having passed the same cases, in words."""
    found = []
    most = {judge: applied for counts in tally.values() for judge, (_, applied) in counts.items()}
    for name, counts in tally.items():
        for judge, applied in most.items():
            if counts.get(judge) != (applied, applied):
                found.append(f"{judge} on {name}: {counts.get(judge)}, expected {applied}")
    return found
