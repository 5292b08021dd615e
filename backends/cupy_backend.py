"""CuPy on one CUDA device. Importing this file touches neither CuPy nor a driver."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy

from .cupy_kernels import cudnn, kernels
from .cupy_kernels.autotuner import Autotuner
from .cupy_kernels.cuda import TF32 as TF32_NUMBER
from .cupy_kernels.cuda import Cuda
from .cupy_kernels.cudnn_plans import Cudnn
from .cupy_kernels.graph import Steps
from .cupy_problem import chosen_kernels, device_index, problem
from .cupy_upload import uploaded
from .tensor_cores import no_tf32

__all__ = ["CuPyLibrary", "open_library", "problem"]

LARGE = 2**26
"""Bytes of an array, such as a data set, whose pinned copy on the host is not kept for another."""

TF32 = {False: 1, True: TF32_NUMBER}
"""What CuPy's `set_compute_type` takes: COMPUTE_TYPE_DEFAULT and COMPUTE_TYPE_TF32."""

NO_KERNELS: dict[str, Callable[..., Any]] = {}  # unless XPCNN_CUDA_KERNELS says so


class CuPyLibrary:
    """CuPy arrays on one device, which becomes the current one of this thread."""

    kernels = NO_KERNELS
    half_precision = ("float16",)  # bfloat16 is not one of its own dtypes

    def __init__(self, device: str | int | None) -> None:
        self._cupy = cupy = import_module("cupy")
        self.xp = import_module("array_api_compat.cupy")
        self.array_type = cupy.ndarray
        self.device = cupy.cuda.Device(device_index(device, cupy.cuda.runtime.getDeviceCount()))
        self.device.use()
        self.tf32 = False
        self._multiply(self.tf32)
        self._cudnn: tuple[Cudnn, Autotuner] | None = None
        self._chosen = chosen_kernels()
        self._cuda = Cuda(cupy, has_own_products="products" in self._chosen)
        if "cuDNN" in self._chosen:
            self._cudnn = self._opened_cudnn()
        if self._chosen != "off":
            self.kernels = kernels(self._cuda, self._cudnn)
        source = Path(__file__).parent / "kernels" / "philox.cu"
        self._philox = cupy.RawKernel(source.read_text(encoding="utf-8"), "philox_uniform")

    def _opened_cudnn(self) -> tuple[Cudnn, Autotuner]:
        facts = self.describe()
        with self.device:
            opened = Cudnn(self._cuda, cudnn.load())
        device = {"card": facts["device"], "driver": facts["driver"], "cudnn": opened.version}
        return opened, Autotuner(self._cuda, device)

    def conv_methods(self) -> dict[str, str]:
        """Return what was chosen on this device for each convolution: an engine of cuDNN, "direct"
        or "patches"."""
        known = {} if self._cudnn is None else self._cudnn[1].choices.known
        return {convolution: str(choice) for convolution, choice in sorted(known.items())}

    def compile_step(self, may_record: Callable[[Any], bool]) -> Callable[..., Any]:
        """Return what makes steps of training by a CUDA graph, if XPCNN_CUDA_KERNELS says so."""
        if "graphs" not in self._chosen:
            return _eagerly
        with self.device:
            return Steps(self._cuda, may_record)

    def from_host(self, x: numpy.ndarray) -> Any:
        """Copy to the device; of a large array, free the copy in pinned memory on the host."""
        with self.device:
            moved = self._cupy.asarray(x)
        if x.nbytes >= LARGE:
            self._cupy.get_default_pinned_memory_pool().free_all_blocks()
        return moved

    def uploaded(self, batches: Iterable[numpy.ndarray]) -> Iterator[Any]:
        return uploaded(self._cupy, self.device, batches)

    def to_host(self, x: Any) -> numpy.ndarray:
        host: numpy.ndarray = self._cupy.asnumpy(x, order="C")
        return host

    @contextmanager
    def session(self) -> Iterator[None]:
        """Make the device the current one of this thread: a new thread begins on device 0.

        Multiply as this library does, and afterwards as before.
        """
        with self.device:
            before = self._cupy._core.get_compute_type("float32")
            self._multiply(self.tf32)
            try:
                yield
            finally:
                self._cupy._core.set_compute_type("float32", before)

    def uniform(self, key: int, step: Any, shape: tuple[int, ...], first: int = 0) -> Any:
        """Draw on the device. A `step` on the device (0-d, integer) is not copied to the host."""
        count, threads = math.prod(shape), 256  # a thread computes 8 numbers
        block, skip = divmod(first, 8)
        with self.device:
            out = self._cupy.empty((skip + count,), dtype="float32")
            if count:
                blocks = -(-(skip + count) // (8 * threads))
                numbers = (skip + count, key % 2**64, key >> 64, block)
                at = self._cupy.asarray(step, dtype="uint64")
                self._philox((blocks,), (threads,), (out, *map(numpy.uint64, numbers), at))
        return out[skip:].reshape(shape)

    def allow_tf32(self, on: bool) -> str | None:
        """Switch TF32 for products of two matrices; return why the device has none."""
        reason = no_tf32(self._capability)
        if "products" in self._chosen:
            settings = "XPCNN_CUDA_KERNELS=all, graph or cudnn-graph"
            reason = reason or f"with {settings}, kernels of float32 multiply"
        if on and reason is not None:
            return reason
        self.tf32 = on
        with self.device:
            self._multiply(on)
        return None

    def _multiply(self, tf32: bool) -> None:
        """Tell CuPy how to multiply from now on, in the whole process, whatever CUPY_TF32 says."""
        self._cupy._core.set_compute_type("float32", TF32[tf32])

    @property
    def _capability(self) -> tuple[int, int]:
        properties = self._cupy.cuda.runtime.getDeviceProperties(self.device.id)
        return properties["major"], properties["minor"]

    def synchronize(self) -> None:
        self.device.synchronize()

    def memory(self) -> dict[str, int]:
        pool = self._cupy.get_default_memory_pool()
        with self.device:
            free, total = self._cupy.cuda.runtime.memGetInfo()
            return {
                "used": pool.used_bytes(),
                "reserved": pool.total_bytes(),
                "device_used": total - free,
                "device_total": total,
            }

    def describe(self) -> dict[str, str]:
        runtime = self._cupy.cuda.runtime
        properties = runtime.getDeviceProperties(self.device.id)
        return {
            "library": f"CuPy {self._cupy.__version__}",
            "device": properties["name"].decode(),
            "compute capability": ".".join(map(str, self._capability)),
            "driver": _version(runtime.driverGetVersion()),
            "runtime": _version(runtime.runtimeGetVersion()),
            "kernels": self._chosen,
            "tf32": "on" if self.tf32 else "off",
        } | ({} if self._cudnn is None else {"cudnn": self._cudnn[0].version})


open_library = CuPyLibrary


def _eagerly(run: Callable[..., Any], key: Any, state: Any, *given: Any) -> Any:
    """Return run(state, *given): a step that is not recorded."""
    return run(state, *given)


def _version(number: int) -> str:
    """Return CUDA's version 13020 as "13.2"."""
    return f"{number // 1000}.{number % 1000 // 10}"
