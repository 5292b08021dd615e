"""PyTorch as a plain array library: `cpu` (the default), `cuda`, `cuda:N` (or N) and `mps`.

Records no gradients and uses none of PyTorch's layers.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy

from .engine_place import next_device
from .peak_memory import peak_rss
from .tensor_cores import always_tf32, no_tf32

kernels: dict[str, Callable[..., Any]] = {}


def problem(device: str | int | None) -> tuple[str, str] | None:
    """Return why PyTorch cannot be used on `device` and what to do; None if it can."""
    if find_spec("torch") is None:
        return "PyTorch is not installed", "pip install torch"
    name = _device_name(device)
    if name == "cpu":
        return None
    import torch

    if name == "mps":
        if torch.backends.mps.is_available():
            return None
        return "no MPS (Metal needs an Apple GPU and macOS 12.3 or later)", "device 'cpu'"
    if not re.fullmatch(r"cuda:\d+", name):
        return f"PyTorch has no device {device!r} here", "device 'cpu', 'cuda', 'cuda:N' or 'mps'"
    if torch.version.cuda is None:
        remedy = "the install line for CUDA on pytorch.org/get-started, or device 'cpu'"
        return "no CUDA (this PyTorch is built without it)", remedy
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        remedy = "`nvidia-smi`, which must list a GPU, or device 'cpu'"
        return "no CUDA (PyTorch finds no NVIDIA driver or no device)", remedy
    if int(name.removeprefix("cuda:")) >= count:
        return f"no {name} (devices: {count}, counted from 0)", "device 'cuda:0'"
    return always_tf32()


class TorchLibrary:
    """PyTorch tensors on one device."""

    kernels = kernels
    half_precision = ("float16", "bfloat16")

    def __init__(self, device: str | int | None) -> None:
        import array_api_compat.torch
        import torch

        self._torch = torch
        self.xp = array_api_compat.torch
        self.array_type = torch.Tensor
        self.device = torch.device(_device_name(device))
        self.tf32 = False
        if self.device.type == "cuda":
            self._multiply(self.tf32)

    def from_host(self, x: numpy.ndarray) -> Any:
        # a copy: PyTorch warns about read-only arrays and rejects negative strides
        return self._torch.from_numpy(numpy.array(x, order="C")).to(self.device)

    def to_host(self, x: Any) -> numpy.ndarray:
        contiguous = self._torch.contiguous_format
        host: numpy.ndarray = x.detach().to("cpu", copy=True, memory_format=contiguous).numpy()
        return host

    def allow_tf32(self, on: bool) -> str | None:
        """Switch TF32 for all products; return why the device has none."""
        if self.device.type != "cuda":
            return "TF32 is of NVIDIA GPUs"
        capability = self._torch.cuda.get_device_capability
        if on and (reason := no_tf32(capability(self.device))) is not None:
            return reason
        self.tf32 = on
        self._multiply(on)
        return None

    def _multiply(self, tf32: bool) -> None:
        """Tell PyTorch how CUDA multiplies from now on, in the whole process.

        Its switch for convolutions is left alone: the backend calls none of PyTorch's.
        """
        self._torch.backends.cuda.matmul.allow_tf32 = tf32

    @contextmanager
    def session(self) -> Iterator[None]:
        """On CUDA, multiply as this library does, and afterwards as before."""
        if self.device.type != "cuda":
            yield
            return
        before = _allows_tf32(self._torch.backends.cuda.matmul)
        self._multiply(self.tf32)
        try:
            yield
        finally:
            self._multiply(before)

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            self._torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            self._torch.mps.synchronize()

    def memory(self) -> dict[str, int]:
        if self.device.type == "cuda":
            free, total = self._torch.cuda.mem_get_info(self.device)
            return {
                "used": self._torch.cuda.memory_allocated(self.device),
                "peak": self._torch.cuda.max_memory_allocated(self.device),
                "reserved": self._torch.cuda.memory_reserved(self.device),
                "device_used": total - free,
                "device_total": total,
            }
        if self.device.type == "mps":
            return {"used": self._torch.mps.current_allocated_memory()}
        return peak_rss()

    def describe(self) -> dict[str, str]:
        facts = {
            "library": f"PyTorch {self._torch.__version__}",
            "threads": str(self._torch.get_num_threads()),
        }
        if self.device.type == "cuda":
            facts["device"] = self._torch.cuda.get_device_name(self.device)
            facts["cuda"] = str(self._torch.version.cuda)
            facts["tf32"] = "on" if self.tf32 else "off"
        return facts


open_library = TorchLibrary


def _allows_tf32(products: Any) -> bool:
    """Return what PyTorch's switch says.

    `fp32_precision`, of PyTorch 2.9 and later, can always be read; `allow_tf32` cannot after a user
    has set that one.
    """
    if hasattr(products, "fp32_precision"):
        return bool(products.fp32_precision == "tf32")
    return bool(products.allow_tf32)


def _device_name(device: str | int | None) -> str:
    """Return a device as PyTorch writes it: "cpu" for None, "cuda:N" for N.

    For "cuda" it is "cuda:0"; of several processes on a machine, each gets the next of its devices.
    """
    name = "cpu" if device is None else str(device)
    if name == "cuda":
        import torch

        return f"cuda:{next_device(torch.cuda.device_count())}"
    return f"cuda:{name}" if name.isdecimal() else name
