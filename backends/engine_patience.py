"""How long a process waits for another before it gives up: XPCNN_PATIENCE, in seconds."""

import math
import os

DEFAULT = 1800.0


def patience_seconds() -> float:
    """Return the seconds of XPCNN_PATIENCE; NaN if that is no number from above 0 to 1e9."""
    try:
        seconds = float(os.environ.get("XPCNN_PATIENCE", DEFAULT))
    except ValueError:
        return math.nan
    return seconds if 0 < seconds <= 1e9 else math.nan


def patience_problem() -> tuple[str, str] | None:
    """Return why XPCNN_PATIENCE is not valid and what is; None if it is, or is not set."""
    if not math.isnan(patience_seconds()):
        return None
    given = os.environ["XPCNN_PATIENCE"]
    return f"XPCNN_PATIENCE is {given!r}", "a number of seconds above 0, such as 3600"
