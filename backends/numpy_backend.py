"""NumPy on the CPU. Rejects all other devices."""

from collections.abc import Iterator
from typing import Any

import numpy

from .numpy_kernels import KERNELS
from .numpy_kernels.compiled import shared_library, winograd
from .numpy_kernels.compiled.dropping import uniform
from .numpy_kernels.compiled.plan import Replay
from .numpy_kernels.compiled.steps import Steps
from .numpy_kernels.threads import can_share, session, thread_count
from .peak_memory import peak_rss


def problem(device: str | int | None) -> tuple[str, str] | None:
    """Return why NumPy cannot run on `device` and what to do; None if it can."""
    if device not in (None, "cpu"):
        gpu = "backend 'cupy', or 'torch' on device 'cuda', for a GPU"
        return f"NumPy has no device {device!r}", f"device 'cpu'; {gpu}"
    try:
        thread_count()
    except ValueError as error:
        return str(error), "XPCNN_NUM_THREADS=2, or unset it, for all cores"
    try:
        winograd.is_on()
    except ValueError as error:
        return str(error), "XPCNN_WINOGRAD=off, or unset it for Winograd's algorithm"
    if (compiler := shared_library.unknown_compiler()) is not None:
        without = f"{shared_library.WITHOUT} for kernels of NumPy's calls"
        remedy = f"XPCNN_COMPILER=gcc, {without}, or unset it"
        return f"XPCNN_COMPILER is {compiler!r}, and there is no such program", remedy
    return None


class NumPyLibrary:
    """NumPy arrays. `from_host` returns its argument, without a copy."""

    xp = numpy
    array_type = numpy.ndarray
    kernels = KERNELS
    half_precision = ("float16",)  # for tests and files: NumPy converts every number

    def __init__(self, device: str | int | None) -> None:
        self.device = "cpu"

    def from_host(self, x: numpy.ndarray) -> numpy.ndarray:
        return x

    def to_host(self, x: numpy.ndarray) -> numpy.ndarray:
        return numpy.array(x, order="C")

    session = staticmethod(session)
    uniform = staticmethod(uniform)
    replay = Replay
    compile_step = Steps

    def warm_up(self) -> Iterator[str]:
        """Compile the kernels in C unless that has been done; yield lines for people."""
        if shared_library.will_compile():
            yield "compiling kernels, once: some seconds"
        calls, status = shared_library.load()
        if calls is None and shared_library.WITHOUT not in status:
            yield f"note: training is slower than it could be: the kernels are {status}"

    def synchronize(self) -> None:
        pass  # calls return when their work is done

    def memory(self) -> dict[str, int]:
        """Return the peak memory of the process, if the system reports it."""
        return peak_rss()

    def describe(self) -> dict[str, str]:
        """Return what the last bits of results depend on.

        library, blas (with the processor whose kernels it chose), simd (the instructions that
        NumPy's own loops use), threads, kernels (compiler, its version, what it compiled for),
        winograd (on or off).
        """
        config: Any = numpy.show_config(mode="dicts")
        simd = config["SIMD Extensions"]
        return {
            "library": f"NumPy {numpy.__version__}",
            "blas": _blas(config["Build Dependencies"]["blas"]),
            "simd": " ".join(simd.get("baseline", []) + simd.get("found", [])),
            "threads": str(thread_count()) if can_share() else "the BLAS's own, no threadpoolctl",
            "kernels": shared_library.load().status,
            "winograd": "on" if winograd.is_on() and shared_library.load().calls else "off",
        }


open_library = NumPyLibrary


def _blas(built_with: dict[str, str]) -> str:
    """Return the BLAS, its version and, if it reports it, the processor of its kernels."""
    name = f"{built_with['name']} {built_with.get('version', '')}".strip()
    if not can_share():
        return name
    from threadpoolctl import threadpool_info

    chosen = {
        pool["architecture"]
        for pool in threadpool_info()
        if pool["user_api"] == "blas" and pool["internal_api"] in name and "architecture" in pool
    }
    return ", ".join([name, *(f"{processor} kernels" for processor in sorted(chosen))])
