"""NumPy on the CPU. Refuses every other device."""

import sys
from typing import Any

import numpy

from .numpy_kernels import KERNELS
from .numpy_kernels.compiled import library
from .numpy_kernels.threads import can_share, session, thread_count


def problem(device: str | int | None) -> tuple[str, str] | None:
    """Return why NumPy cannot run on `device` and what to do; None when it can."""
    if device not in (None, "cpu"):
        return f"NumPy has no device {device!r}", "device 'cpu', or another backend"
    try:
        thread_count()
    except ValueError as error:
        return str(error), "XPCNN_NUM_THREADS=2, or none for all cores"
    if (compiler := library.unknown_compiler()) is not None:
        remedy = f"XPCNN_COMPILER=gcc, {library.WITHOUT} for kernels of NumPy's calls, or unset it"
        return f"XPCNN_COMPILER is {compiler!r}, and there is no such program", remedy
    return None


class Library:
    """NumPy arrays. `from_host` returns the array that it was given, not a copy."""

    xp = numpy
    array_type = numpy.ndarray
    kernels = KERNELS

    def __init__(self, device: str | int | None) -> None:
        self.device = "cpu"

    def from_host(self, x: numpy.ndarray) -> numpy.ndarray:
        return x

    def to_host(self, x: numpy.ndarray) -> numpy.ndarray:
        return numpy.array(x, order="C")

    session = staticmethod(session)

    def synchronize(self) -> None:
        pass  # every call returns when its work is done

    def memory(self) -> dict[str, int]:
        """Return the most memory that the process has held, where the system tells it."""
        try:
            import resource
        except ModuleNotFoundError:  # Windows
            return {}
        unit = 1 if sys.platform == "darwin" else 1024
        return {"peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}

    def describe(self) -> dict[str, str]:
        config: Any = numpy.show_config(mode="dicts")
        blas = config["Build Dependencies"]["blas"]
        return {
            "library": f"NumPy {numpy.__version__}",
            "blas": f"{blas['name']} {blas.get('version', '')}".strip(),
            "threads": str(thread_count()) if can_share() else "the BLAS's own, no threadpoolctl",
            "kernels": library.library().status,
        }
