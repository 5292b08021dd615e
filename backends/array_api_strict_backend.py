"""array-api-strict: NumPy with nothing beyond the standard, for tests.

Its arrays are by default on a simulated device, `device1`, from which NumPy cannot read.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy

kernels: dict[str, Callable[..., Any]] = {}


def problem(device: str | int | None) -> tuple[str, str] | None:
    """Return why array-api-strict cannot be used on `device` and what to do; None if it can."""
    if find_spec("array_api_strict") is None:
        return "array-api-strict is not installed", "pip install array-api-strict"
    import array_api_strict

    try:
        array_api_strict.Device("device1" if device is None else str(device))
    except ValueError:
        return f"array-api-strict has no device {device!r}", "device 'device1' or 'CPU_DEVICE'"
    return None


class StrictLibrary:
    """array-api-strict arrays on one of its devices."""

    kernels = kernels

    def __init__(self, device: str | int | None) -> None:
        import array_api_strict

        self.xp = array_api_strict
        self.array_type = type(array_api_strict.asarray(0))
        self.device = array_api_strict.Device("device1" if device is None else str(device))

    def from_host(self, x: numpy.ndarray) -> Any:
        return self.xp.asarray(x, device=self.device, copy=True)

    def to_host(self, x: Any) -> numpy.ndarray:
        return numpy.array(x.to_device(self.xp.Device("CPU_DEVICE")), order="C")

    def synchronize(self) -> None:
        pass  # calls return when their work is done

    def memory(self) -> dict[str, int]:
        return {}

    def describe(self) -> dict[str, str]:
        return {
            "library": f"array-api-strict {self.xp.__version__}",
            "standard": self.xp.__array_api_version__,
        }


open_library = StrictLibrary
