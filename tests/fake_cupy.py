"""A CuPy made of NumPy: what the backend asks of it, with the failures that a machine can have."""

import copy
import math
import os
import sys
from collections.abc import Callable
from functools import cache
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy
import pytest

from tests import cuda_on_host
from tests.cuda_on_host import MOST_THREADS, arrays, capture, streams
from xpcnn import backend
from xpcnn.backend import Backend, Kernels
from xpcnn.errors import BackendError


class CudaError(RuntimeError):
    """Stands for CUDARuntimeError: a status and a name."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ComputeTypes:
    """Stands for cupy._core: how matrices are multiplied, at first as CUPY_TF32 says."""

    def __init__(self) -> None:
        self.types = {"float32": 0}  # to be decided

    def set_compute_type(self, dtype: str, kind: int) -> None:
        assert kind in (1, 7)  # COMPUTE_TYPE_DEFAULT, COMPUTE_TYPE_TF32
        self.types[dtype] = kind

    def get_compute_type(self, dtype: str) -> int:
        if not self.types[dtype]:
            self.types[dtype] = 7 if int(os.environ.get("CUPY_TF32", "0")) > 0 else 1
        return self.types[dtype]


class CompileError(Exception):
    """Stands for CompileException, which is no RuntimeError."""


class RawKernel:
    """Stands for cupy.RawKernel, which runs on the host; compiles when it is first launched."""

    def __init__(self, code: str, name: str) -> None:
        self.code, self.name = code, name

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]
    ) -> None:
        """Run, or note the launch for a graph."""
        if capture.is_on():
            capture.note(lambda: self._run(grid, block, args), None)
        else:
            self._run(grid, block, args)
            launches.append(self.name)
            streams.device.milliseconds += streams.device.of_a_launch.get(self.name, 0.0)

    def _run(self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]) -> None:
        """Run twice, with the threads in either order; refuse what the device could not do."""
        kernel = cuda_on_host.kernels(self.code)[self.name]
        assert 0 < math.prod(block) <= MOST_THREADS
        assert 0 < grid[0] < 2**31
        assert 0 < math.prod(grid[1:]) < 2**16
        host = [arrays.on_host(a) for a in args]
        given = [a for a in args if isinstance(a, arrays.ndarray)]
        read = [a for kind, a in zip(kernel.kinds, host, strict=True) if kind[0] == "&"]
        written = [a for kind, a in zip(kernel.kinds, host, strict=True) if kind[0] == "*"]
        before = bits(read)
        kernel(grid, block, host, descending=True)
        first = bits(written)
        kernel(grid, block, host, descending=False)
        assert bits(written) == first, f"{self.name}: threads race"
        assert bits(read) == before, f"{self.name} writes into what it only reads"
        assert all(map(arrays.guards_hold, given)), f"{self.name} writes beyond an array"


def bits(given: list[Any]) -> list[bytes]:
    return [a.tobytes() for a in given if a is not None]


launches: list[str] = []
"""The names of the kernels that were launched, since somebody emptied the list."""


def fake_cupy(
    *,
    count: Callable[[], int] = lambda: 2,
    driver: int = 13000,
    ones: Callable[..., Any] | None = None,
    major: int = 9,
) -> Any:
    runtime = SimpleNamespace(
        CUDARuntimeError=CudaError,
        getDeviceCount=count,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: 13020,
        memGetInfo=lambda: (60 << 30, 100 << 30),
        getDeviceProperties=lambda index: {"name": b"NVIDIA Test", "major": major, "minor": 0},
    )
    cupy: Any = ModuleType("cupy")
    cupy.__spec__ = ModuleSpec("cupy", None)
    cupy.__version__ = "14.0"
    cupy.ndarray = arrays.ndarray
    cupy.cuda = SimpleNamespace(
        runtime=runtime,
        Device=arrays.Device,
        compiler=SimpleNamespace(CompileException=CompileError),
        Stream=streams.Stream,
        MemoryPool=arrays.MemoryPool,
        using_allocator=arrays.using_allocator,
        Event=streams.Event,
        get_elapsed_time=streams.get_elapsed_time,
        get_current_stream=lambda: streams.default,
        alloc_pinned_memory=lambda size: bytearray(size),
    )
    cupy._core = ComputeTypes()
    cupy.ones = ones or (lambda shape, dtype: Matrix())
    cupy.empty, cupy.asarray = arrays.empty, arrays.from_host
    cupy.ascontiguousarray = arrays.contiguous
    cupy.asnumpy = lambda x, order: numpy.array(arrays.on_host(x), order=order)
    cupy.get_default_memory_pool = lambda: SimpleNamespace(
        used_bytes=lambda: 10, total_bytes=lambda: 20, free_all_blocks=lambda: None
    )
    cupy.freed_pinned = []
    cupy.get_default_pinned_memory_pool = lambda: SimpleNamespace(
        free_all_blocks=lambda: cupy.freed_pinned.append(True)
    )
    cupy.RawKernel = RawKernel
    return cupy


def cupy_on_host() -> Backend:
    """Open the CuPy backend on this CuPy, with its CUDA kernels on."""
    opened, kernels = _opened()
    backend._kernels[opened.array_type] = kernels
    return copy.copy(opened)


@cache
def _opened() -> tuple[Backend, Kernels]:
    modules = {"cupy": fake_cupy(), "array_api_compat.cupy": arrays.namespace}
    with patch.dict(sys.modules, modules), patch.dict(os.environ, XPCNN_CUDA_KERNELS="1"):
        opened = backend.load("cupy")
    return opened, backend._kernels.get(opened.array_type, {})


class Matrix:
    """Stands for the small array of the check: a product and a copy to the host."""

    def __matmul__(self, other: "Matrix") -> "Matrix":
        return self

    def get(self) -> None:
        pass


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def cause(device: str | int | None = None) -> str:
    """Return why the backend cannot be used, as its error says."""
    with pytest.raises(BackendError) as refused:
        backend.load("cupy", device)
    text = str(refused.value)
    assert text.startswith("backend 'cupy' cannot be used: ")
    return text.removeprefix("backend 'cupy' cannot be used: ")
