"""Why CuPy cannot be used here, one of four causes, and what fixes it.

Only looks: changes nothing and never falls back to another backend.
"""

import os
import sys
from importlib import import_module
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from typing import Any

from .cupy_kernels import cudnn
from .engine_place import next_device
from .tensor_cores import always_tf32

Problem = tuple[str, str]  # cause; the one command or action that fixes it

_NO_DEVICE = 100  # cudaErrorNoDevice; any other error of the device count is the driver's


def problem(device: str | int | None) -> Problem | None:
    """Return why CuPy cannot be used on `device` and what fixes it; None if it can.

    The text begins with the cause: "not installed", "no driver", "no device" or "broken libraries";
    or it says which environment variable has a value that is not valid.
    """
    if find_spec("cupy") is None:
        return _not_installed()
    try:
        cupy = import_module("cupy")
    except (ImportError, OSError) as error:
        return f"broken libraries (importing CuPy: {_line(error)})", _install(force=True)
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if error.status != _NO_DEVICE:
            return _no_driver(runtime, error)
        count = 0
    index = device_index(device, count)
    if index is None:
        return f"no device {device!r}", "a number: 0 is the first device"
    if index >= count:
        return _no_device(index, count)
    return _broken_libraries(cupy, index) or _wrong_setting(runtime) or always_tf32()


_KERNELS = {
    "0": "off",
    "1": "on",
    "all": "on, products too",
    "graph": "on, products too, training steps as CUDA graphs",
    "cudnn": "on, convolutions by cuDNN",
    "cudnn-graph": "on, products too, training steps as CUDA graphs, convolutions by cuDNN",
}


def chosen_kernels() -> str:
    """Return in words what XPCNN_CUDA_KERNELS says, one of `_KERNELS`.

    No GPU has run the kernels yet: they are off by default.

    Raises:
        ValueError: XPCNN_CUDA_KERNELS is something else.
    """
    given = os.environ.get("XPCNN_CUDA_KERNELS") or "0"
    if given not in _KERNELS:
        *others, last = _KERNELS
        expected = f"{', '.join(others)} or {last}"
        raise ValueError(f"XPCNN_CUDA_KERNELS is {given!r}, expected {expected}")
    return _KERNELS[given]


def device_index(device: str | int | None, count: int) -> int | None:
    """Return the number in N, "N" or "cuda:N"; None if there is none.

    For None and "cuda" it is 0; of several processes on a machine, each gets the next of the
    `count` devices.
    """
    if device in (None, "cuda"):
        return next_device(count)
    name = str(device).removeprefix("cuda:")
    return int(name) if name.isdecimal() else None


def _not_installed() -> Problem:
    if sys.platform == "darwin":
        return "not installed (there is no CUDA on macOS)", "backend 'torch' on device 'mps'"
    remedy = 'pip install "cupy-cuda13x[ctk]" (driver older than 580: "cupy-cuda12x[ctk]")'
    return "not installed (there is no module cupy)", remedy


def _no_driver(runtime: Any, error: Exception) -> Problem:
    supported, needed = runtime.driverGetVersion() // 1000, runtime.runtimeGetVersion() // 1000
    if supported == 0:
        remedy = "install the NVIDIA driver (in a container: start it with --gpus all)"
        return "no driver (CUDA finds none on this machine)", remedy
    if supported >= needed:
        return f"no driver that works ({_line(error)})", "restart the machine, then `nvidia-smi`"
    remedy = "a newer NVIDIA driver"
    if supported >= 12:
        remedy = f'{_uninstall()} && pip install "cupy-cuda{supported}x[ctk]"'
    return f"no driver for CUDA {needed} (the one here serves CUDA {supported})", remedy


def _no_device(index: int, count: int) -> Problem:
    if count:
        return f"no device {index} (devices: {count}, counted from 0)", "device 0"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        sentence = f"no device (CUDA_VISIBLE_DEVICES={visible!r} hides them)"
        return sentence, "unset CUDA_VISIBLE_DEVICES"
    return "no device (the driver finds no GPU)", "`nvidia-smi -L`, which must list a GPU"


def _broken_libraries(cupy: Any, index: int) -> Problem | None:
    """Run a small matrix product: it needs a kernel compiled by NVRTC, and cuBLAS."""
    failures = (ImportError, OSError, RuntimeError, cupy.cuda.compiler.CompileException)
    try:
        with cupy.cuda.Device(index):
            ones = cupy.ones((2, 2), dtype="float32")
            (ones @ ones).get()
    except (cupy.cuda.runtime.CUDARuntimeError, MemoryError) as error:
        sentence = f"no device that answers (device {index}: {_line(error)})"
        return sentence, "`nvidia-smi`, which shows what holds the device"
    except failures as error:
        return f"broken libraries ({_line(error)})", _install(force=False)
    return None


def _wrong_setting(runtime: Any) -> Problem | None:
    try:
        chosen = chosen_kernels()
    except ValueError as error:
        return str(error), "XPCNN_CUDA_KERNELS=1 for the CUDA kernels, or none"
    if "cuDNN" not in chosen:
        return None
    try:
        cudnn.load()
    except cudnn.CudnnError as error:
        extra = "cudnn" if runtime.runtimeGetVersion() >= 13000 else "cudnn12x"
        remedy = f'pip install "xpcnn[{extra}]", or XPCNN_CUDA_KERNELS=1 to leave it out'
        return f"XPCNN_CUDA_KERNELS asks for cuDNN, which cannot be used ({error})", remedy
    return None


def _line(error: BaseException) -> str:
    """Return the first line of an error message that is not empty."""
    lines = (line.strip("= ") for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)


def _wheels() -> list[str]:
    """Return the installed packages with the module cupy; two of them overwrite each other."""
    return sorted(set(packages_distributions().get("cupy", ["cupy-cuda13x"])))


def _uninstall() -> str:
    return f"pip uninstall -y {' '.join(_wheels())}"


def _install(*, force: bool) -> str:
    wheels = _wheels()
    wheel = wheels[-1] + ("[ctk]" if wheels[-1].startswith("cupy-cuda") else "")
    if len(wheels) > 1:
        return f'{_uninstall()} && pip install "{wheel}"'
    return f'pip install {"--force-reinstall " if force else ""}"{wheel}"'
