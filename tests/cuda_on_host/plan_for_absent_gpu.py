"""What the real cuDNN says of our graphs, without a GPU: `python -m ... FOLDER`, one JSON object.

It plans for a device that it is told of in words. Its libraries ask for a driver's library when
they are loaded: where there is none, one whose functions fail stands for it. Nothing is executed.
"""

import ctypes
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import_module("xpcnn.backend")  # finds the folder of backends
graph: Any = import_module("xpcnn.backends.cupy_kernels.cudnn_graph")
plans: Any = import_module("xpcnn.backends.cupy_kernels.cudnn_plans")
conv: Any = import_module("xpcnn.backends.cupy_kernels.cudnn_conv")
cudnn: Any = import_module("xpcnn.backends.cupy_kernels.cudnn")

DRIVER = (
    *("cuGetErrorString", "cuModuleGetFunction", "cuModuleLoadData", "cuModuleUnload"),
    *("cuTensorMapEncodeIm2col", "cuTensorMapEncodeTiled"),
)
H200 = {
    "deviceName": "NVIDIA H200",
    "deviceVer": 900,
    "driverVer": 13000,
    "cudaDeviceId": 0,
    "pciDeviceId": 0,
    "multiProcessorCount": 132,
    "totalGlobalMem": 150_000_000_000,
    "l2CacheSize": 62_914_560,
    "memoryBusWidth": 6144,
    "memClockRateKHz": 3_201_000,
    "smClockRateKHz": 1_980_000,
    "warpSize": 32,
    "maxGridSize": [2_147_483_647, 65_535, 65_535],
    "maxBlockSize": [1024, 1024, 64],
    "maxThreadsPerBlock": 1024,
    "maxThreadsPerSM": 2048,
    "maxCtasPerSM": 32,
    "regsPerBlock": 65_536,
    "maxRegistersPerSM": 65_536,
    "maxSharedMemoryPerBlock": 49_152,
    "maxSharedMemoryPerBlockOptin": 232_448,
    "reservedSharedMemoryPerBlock": 1024,
    "isTccDriver": 0,
    "supportCoopLaunch": 1,
}
"""A device, made up after the data sheet, with the names that cuDNN asks for."""

GEOMETRIES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "of resnet20": ((128, 16, 32, 32), (16, 16, 3, 3), {"padding": 1}),
    "first of resnet20": ((128, 3, 32, 32), (16, 3, 3, 3), {"padding": 1}),
    "stride": ((128, 32, 16, 16), (64, 32, 3, 3), {"padding": 1, "stride": 2}),
    "one channel": ((128, 1, 28, 28), (8, 1, 5, 5), {}),
    "1 x 1": ((64, 64, 8, 8), (128, 64, 1, 1), {}),
    "odd sizes": ((7, 5, 9, 11), (3, 5, 3, 2), {"padding": (1, 0), "stride": (2, 1)}),
    "more padding after": ((16, 8, 9, 9), (8, 8, 2, 2), {"padding": "same"}),
    "dilation": ((16, 8, 16, 16), (8, 8, 3, 3), {"dilation": 2, "padding": 2}),
    "groups": ((16, 8, 16, 16), (8, 2, 3, 3), {"padding": 1}),
    "a channel a group": ((16, 8, 16, 16), (8, 1, 3, 3), {"padding": 1}),
    "one sample": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
}


TENSOR: dict[str, Any] = {
    "TENSOR_DIMENSIONS": (1, 2, 3, 4),
    "TENSOR_STRIDES": (24, 12, 4, 1),
    "TENSOR_DATA_TYPE": "DATA_FLOAT",
    "TENSOR_UNIQUE_ID": 1,
}
ALIGNED = TENSOR | {"TENSOR_BYTE_ALIGNMENT": 16}


def main(folder: Path) -> dict[str, Any]:
    spec = find_spec("nvidia")
    assert spec is not None
    paths = [Path(p) / "cudnn/lib/libcudnn.so.9" for p in spec.submodule_search_locations or ()]
    with_driver(folder)
    library = cudnn.declared(ctypes.CDLL(str(next(p for p in paths if p.exists()))))
    api = cudnn.Api(library)
    words = json.dumps(H200).encode()
    device = cudnn.Descriptor(api, "DEVICEPROP", {"DEVICEPROP_JSON_REPRESENTATION": [*words]})
    proposals: dict[str, Any] = {}
    kinds = ("float32", False), ("float32", True), ("float16", False), ("bfloat16", False)
    for (name, (image, filters, rule)), (dtype, tf32) in itertools.product(
        GEOMETRIES.items(), kinds
    ):
        options = {"stride": 1, "padding": 0, "dilation": 1} | rule
        for bias, rectify in ((False, False), (True, False), (True, True)):
            passes = conv.passes(dtype, tf32, image, filters, *options.values(), bias, rectify)
            ways = passes if (bias, rectify) == (True, True) else ("forward",)
            for one in map(passes.__getitem__, ways):
                proposals[f"{name}: {one}"] = usable(api, one, device)
    return {
        "version": api.version,
        "usable": proposals,
        "ReLU without a bias": usable(api, relu_alone(), device),
        "refusals": {name: refusal(call) for name, call in misuses(api, device).items()},
    }


def with_driver(folder: Path) -> None:
    """Load the driver's library, or one whose functions return an error."""
    try:
        ctypes.CDLL("libcuda.so.1", ctypes.RTLD_GLOBAL)
    except OSError:
        compiler = shutil.which("cc") or shutil.which("gcc")
        assert compiler is not None
        source, out = folder / "driver.c", folder / "libcuda.so.1"
        source.write_text("".join(f"int {name}(void) {{ return 3; }}\n" for name in DRIVER))
        flags = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
        command = [compiler, *flags, "-o", str(out), str(source)]
        subprocess.run(command, check=True)
        ctypes.CDLL(str(out), ctypes.RTLD_GLOBAL)


def usable(api: Any, convolution: Any, device: Any) -> dict[str, list[int]]:
    """Return how many engines are proposed, and how many of them we would try, by order."""
    counts: dict[str, list[int]] = {}
    for order in ("NCHW", "NHWC"):
        built = graph.graph_of(api, convolution, order)
        proposed = tried = 0
        for mode in ("A", "FALLBACK"):
            for engine in graph.engines(api, built, mode, device):
                proposed += 1
                if engine.notes <= plans.allowed(convolution):
                    _, size = graph.plan_of(api, engine.config, device=device)
                    tried += size <= plans.MOST_WORKSPACE
        counts[order] = [proposed, tried]
    return counts


def refusal(call: Callable[[], Any]) -> str:
    try:
        call()
    except cudnn.CudnnError as error:
        return str(error)
    return "accepted"


def relu_alone() -> Any:
    shapes = (2, 3, 4, 4), (4, 3, 3, 3)
    return conv.passes("float32", False, *shapes, 1, 0, 1, False, True)["forward"]


def misuses(api: Any, device: Any) -> dict[str, Callable[[], Any]]:
    """Return mistakes that the stand-in refuses too."""
    shapes = (2, 3, 4, 4), (4, 3, 3, 3)
    forward = conv.passes("float32", False, *shapes, 1, 0, 1, False, False)["forward"]
    built = graph.graph_of(api, forward, "NCHW")
    engine = next(graph.engines(api, built, "FALLBACK", device))
    plan, _ = graph.plan_of(api, engine.config, device=device)
    made, new = cudnn.Descriptor(api, "TENSOR", ALIGNED), cudnn.Descriptor(api, "TENSOR")
    count, sizes = ctypes.c_int64(), (ctypes.c_int64 * 2)()
    return {
        "a tensor": lambda: cudnn.Descriptor(api, "TENSOR", ALIGNED),
        "a tensor without alignment": lambda: cudnn.Descriptor(api, "TENSOR", TENSOR),
        "an attribute of another kind": lambda: cudnn.Descriptor(
            api, "TENSOR", {"POINTWISE_MODE": "POINTWISE_ADD"}
        ),
        "a type": lambda: api.call("cudnnBackendSetAttribute", new.pointer, 902, 4, 1, sizes),
        "a change of what is finalized": lambda: made._set("TENSOR_UNIQUE_ID", 2),
        "two elements of one": lambda: api.call(
            "cudnnBackendGetAttribute", plan.pointer, 402, 3, 2, ctypes.byref(count), sizes
        ),
        "no handle": lambda: api.execute(None, plan, (1, 2, 3), (4096, 8192, 12288), 0),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
