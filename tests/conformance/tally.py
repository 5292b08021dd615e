"""What R5, R6 and R8 counted on each array library, for R9."""

from collections import defaultdict
from typing import TypeAlias

Tally: TypeAlias = defaultdict[str, dict[str, tuple[int, int]]]
"""By library and row of the README's table: how many passed, and how many applied."""


def uneven(tally: Tally) -> list[str]:
    """Return what keeps the libraries from having passed the same cases, in words."""
    found = []
    most = {row: applied for counts in tally.values() for row, (_, applied) in counts.items()}
    for name, counts in tally.items():
        for row, applied in most.items():
            if counts.get(row) != (applied, applied):
                found.append(f"{row} on {name}: {counts.get(row)}, expected {applied}")
    return found
