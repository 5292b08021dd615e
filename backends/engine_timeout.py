"""How long a process waits for another before it gives up: XPCNN_TIMEOUT, in seconds."""

import math
import os

DEFAULT = 1800.0


def timeout_seconds() -> float:
    """Return the seconds of XPCNN_TIMEOUT; NaN if that is no number from above 0 to 1e9."""
    try:
        seconds = float(os.environ.get("XPCNN_TIMEOUT", DEFAULT))
    except ValueError:
        return math.nan
    return seconds if 0 < seconds <= 1e9 else math.nan


def timeout_problem() -> tuple[str, str] | None:
    """Return why XPCNN_TIMEOUT is not valid and what is; None if it is, or is not set."""
    if not math.isnan(timeout_seconds()):
        return None
    given = os.environ["XPCNN_TIMEOUT"]
    return f"XPCNN_TIMEOUT is {given!r}", "a number of seconds above 0, such as 3600"


def waited_too_long(rank: int) -> str:
    """Return the error of a process that has waited for another longer than that."""
    waited = f"waited {timeout_seconds():g} seconds for another process"
    return f"error: process {rank} {waited}\nTry: XPCNN_TIMEOUT=3600 if slow"
