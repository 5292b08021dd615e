"""The environment of the program: versions, processor, BLAS, state of the GPU, folders.

All values are strings, numbers or None, ready for JSON. Nothing is changed.
"""

import os
import platform
import sys
from importlib import metadata
from typing import Any

from xpcnn import backend
from xpcnn.data.download import cache_folder
from xpcnn.errors import DataError, reason_of
from xpcnn.version import VERSION

PACKAGES = (
    "numpy",
    "array-api-compat",
    "click",
    "tqdm",
    "pooch",
    "safetensors",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
    "torch",
    "array-api-strict",
    "Pillow",
    "onnx",
)


def versions() -> dict[str, Any]:
    """Return the part of the environment that a run records, without importing a library for it.

    Keys: xpcnn, python, platform, processor (its name), cpus (those that this process may use),
    packages (version by name, None where it is not installed).
    """
    return {
        "xpcnn": VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": _cpus(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def describe() -> dict[str, Any]:
    """Return `versions()` and: blas, simd (instructions of NumPy's loops), threads, kernels,
    winograd (on or off), dtypes (what each backend computes in, by its name), gpu (its state in
    words by backend), engines (the method that CuPy's backend has chosen for each convolution),
    paths.

    Imports the installed array libraries to look for a GPU.
    """
    facts = backend.load("numpy").describe()
    gpu = {"cupy": _state("cupy", None), "torch cuda": _state("torch", "cuda")}
    if sys.platform == "darwin":
        gpu["torch mps"] = _state("torch", "mps")
    return versions() | {
        "blas": facts["blas"],
        "simd": facts["simd"],
        "threads": facts["threads"],
        "kernels": facts["kernels"],
        "winograd": facts["winograd"],
        "dtypes": {name: ", ".join(backend.dtypes(name)) for name in backend.NAMES},
        "gpu": gpu,
        "engines": _conv_methods(),
        "paths": {"data cache": _data_cache()},
    }


def _state(name: str, device: str | None) -> str:
    problem = backend.problem(name, device)
    if problem is None:
        facts = backend.load(name, device).describe()
        return "ready: " + ", ".join(f"{key} {value}" for key, value in facts.items())
    sentence, remedy = problem
    return f"{sentence}. Try: {remedy}"


def _data_cache() -> str:
    """Return the folder of downloads, or why there is none."""
    try:
        return str(cache_folder(""))
    except DataError as error:
        return reason_of(error)


def _conv_methods() -> dict[str, str]:
    return {} if backend.problem("cupy") else backend.load("cupy").conv_methods()


def processor() -> str:
    """Return the name of the processor, such as "AMD EPYC 7B13"; its kind where none is known."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # Linux
            names = (line.partition(":") for line in file)
            return next(name.strip() for key, _, name in names if key.strip() == "model name")
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
