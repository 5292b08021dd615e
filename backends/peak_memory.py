"""The most memory that this process has held."""

import sys
from pathlib import Path


def peak_rss() -> dict[str, int]:
    """Return the peak in bytes as "peak_rss"; nothing where the system does not report it.

    On Linux not `ru_maxrss`, which begins with what the process held that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists() and "VmHWM:" in (text := status.read_text(encoding="utf-8")):
        return {"peak_rss": int(text.partition("VmHWM:")[2].split()[0]) * 1024}
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return {}
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
