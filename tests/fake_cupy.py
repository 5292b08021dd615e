"""A CuPy made of NumPy: what the backend asks of it, with the failures that a machine can have."""

from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy

from xpcnn import random


class CudaError(RuntimeError):
    """Stands for CUDARuntimeError: a status and a name."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class CompileError(Exception):
    """Stands for CompileException, which is no RuntimeError."""


class Device:
    """Stands for cupy.cuda.Device."""

    def __init__(self, index: int) -> None:
        self.id = index
        self.entered = 0

    def __enter__(self) -> "Device":
        self.entered += 1
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def use(self) -> None:
        self.entered += 1

    def synchronize(self) -> None:
        pass


def philox_launch(grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
    """Do what the kernel does, as the launch asks for it: 8 elements for each thread."""
    out, count, key_low, key_high, step = arguments
    assert grid[0] > 0  # CUDA refuses an empty launch
    assert (out.dtype, step.dtype, step.shape) == (numpy.float32, numpy.uint64, ())
    assert [type(word) for word in (count, key_low, key_high)] == [numpy.uint64] * 3
    reached = min(8 * grid[0] * block[0], int(count))
    words = random.uniform(int(key_low) + (int(key_high) << 64), int(step), (reached,))
    out.reshape(-1)[:reached] = words


def fake_cupy(
    *,
    count: Callable[[], int] = lambda: 2,
    driver: int = 13000,
    ones: Callable[..., Any] | None = None,
) -> Any:
    runtime = SimpleNamespace(
        CUDARuntimeError=CudaError,
        getDeviceCount=count,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: 13020,
        memGetInfo=lambda: (60, 100),
        getDeviceProperties=lambda index: {"name": b"NVIDIA Test", "major": 9, "minor": 0},
    )
    cupy: Any = ModuleType("cupy")
    cupy.__spec__ = ModuleSpec("cupy", None)
    cupy.__version__ = "14.0"
    cupy.ndarray = type("ndarray", (), {})
    cupy.cuda = SimpleNamespace(
        runtime=runtime, Device=Device, compiler=SimpleNamespace(CompileException=CompileError)
    )
    cupy.ones = ones or (lambda shape, dtype: Matrix())
    cupy.empty, cupy.asarray = numpy.empty, numpy.asarray
    cupy.asnumpy = lambda x, order: numpy.array(x, order=order)
    cupy.get_default_memory_pool = lambda: SimpleNamespace(
        used_bytes=lambda: 10, total_bytes=lambda: 20
    )
    cupy.RawKernel = lambda source, name: philox_launch
    return cupy


class Matrix:
    """Stands for the small array of the check: a product and a copy to the host."""

    def __matmul__(self, other: "Matrix") -> "Matrix":
        return self

    def get(self) -> None:
        pass


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail
