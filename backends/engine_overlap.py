"""Whether sums of gradients begin while the backward pass goes on: XPCNN_OVERLAP, 1 or 0."""

import os


def overlaps() -> bool:
    """Return whether XPCNN_OVERLAP is 1; without it, sums begin after the pass."""
    return os.environ.get("XPCNN_OVERLAP") == "1"


def overlap_problem() -> tuple[str, str] | None:
    """Return why XPCNN_OVERLAP is not valid and what is; None if it is, or is not set."""
    given = os.environ.get("XPCNN_OVERLAP") or "0"
    if given in ("0", "1"):
        return None
    return f"XPCNN_OVERLAP is {given!r}", "1 on a network of 1 Gb/s, otherwise 0"
