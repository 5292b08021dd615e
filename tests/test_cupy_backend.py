"""The CuPy backend without a GPU: the four causes, each with its remedy, and what it asks of CuPy.

The real path is taken where it can be (a subprocess that finds no CuPy, or a broken one); the
others are fed through a CuPy made of NumPy. What needs a device is in test_backend.py, which runs
on CuPy where one is.
"""

import math
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.fake_cupy import CompileError, CudaError, fake_cupy, raising
from xpcnn import backend, random
from xpcnn.environment import describe
from xpcnn.errors import BackendError
from xpcnn.training.prefetch import prefetched

ROOT = Path(__file__).parents[1]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Put a fake CuPy in the place of any real one."""

    def put(cupy: Any) -> None:
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setitem(sys.modules, "array_api_compat.cupy", cupy)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.delenv("XPCNN_CUDA_KERNELS", raising=False)
        wheels = {} if cupy is None else {"cupy": ["cupy-cuda13x"]}
        problem = sys.modules["xpcnn.backends.cupy_problem"]
        monkeypatch.setattr(problem, "packages_distributions", lambda: wheels)

    backend.problem("cupy")  # imports the module
    return put


def cause(device: str | int | None = None) -> str:
    with pytest.raises(BackendError) as refused:
        backend.load("cupy", device)
    text = str(refused.value)
    assert text.startswith("backend 'cupy' cannot be used: ")
    return text.removeprefix("backend 'cupy' cannot be used: ")


def test_not_on_macos(install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    install(None)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cause() == (
        "not installed (there is no CUDA on macOS)\nTry: backend 'torch' on device 'mps'"
    )


def test_no_driver(install: Callable[[Any], None]) -> None:
    insufficient = CudaError(35, "cudaErrorInsufficientDriver: CUDA driver version is insufficient")
    install(fake_cupy(count=raising(insufficient), driver=0))
    assert cause() == (
        "no driver (CUDA finds none on this machine)\n"
        "Try: install the NVIDIA driver (in a container: start it with --gpus all)"
    )


def test_driver_too_old(install: Callable[[Any], None]) -> None:
    insufficient = CudaError(35, "cudaErrorInsufficientDriver: CUDA driver version is insufficient")
    install(fake_cupy(count=raising(insufficient), driver=12040))
    assert cause() == (
        "no driver for CUDA 13 (the one here serves CUDA 12)\n"
        'Try: pip uninstall -y cupy-cuda13x && pip install "cupy-cuda12x[ctk]"'
    )
    install(fake_cupy(count=raising(insufficient), driver=11080))
    assert cause() == (
        "no driver for CUDA 13 (the one here serves CUDA 11)\nTry: a newer NVIDIA driver"
    )


def test_driver_that_does_not_work(install: Callable[[Any], None]) -> None:
    mismatch = CudaError(
        803, "cudaErrorSystemDriverMismatch: system has unsupported display driver"
    )
    install(fake_cupy(count=raising(mismatch), driver=13000))
    assert cause() == (
        "no driver that works (cudaErrorSystemDriverMismatch: system has unsupported display "
        "driver)\nTry: restart the machine, then `nvidia-smi`"
    )


@pytest.mark.parametrize("count", [lambda: 0, raising(CudaError(100, "cudaErrorNoDevice"))])
def test_no_device(
    install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch, count: Callable[[], int]
) -> None:
    install(fake_cupy(count=count))
    assert cause() == (
        "no device (the driver finds no GPU)\nTry: `nvidia-smi -L`, which must list a GPU"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cause() == (
        "no device (CUDA_VISIBLE_DEVICES='' hides them)\nTry: unset CUDA_VISIBLE_DEVICES"
    )


def test_no_such_device(install: Callable[[Any], None]) -> None:
    install(fake_cupy())
    assert cause(2) == "no device 2 (devices: 2, counted from 0)\nTry: device 0"
    assert cause("cuda:7") == "no device 7 (devices: 2, counted from 0)\nTry: device 0"
    assert cause("mps") == "no device 'mps'\nTry: a number: 0 is the first device"
    assert cause(-1) == "no device -1\nTry: a number: 0 is the first device"


def test_device_that_does_not_answer(install: Callable[[Any], None]) -> None:
    busy = CudaError(46, "cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy")
    install(fake_cupy(ones=raising(busy)))
    assert cause(1) == (
        "no device that answers (device 1: cudaErrorDevicesUnavailable: CUDA-capable device(s) "
        "is/are busy)\nTry: `nvidia-smi`, which shows what holds the device"
    )
    install(fake_cupy(ones=raising(MemoryError("out of memory allocating 512 bytes"))))
    assert cause().startswith("no device that answers (device 0: out of memory allocating")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError('Failure finding "libnvrtc.so.13"\nlong explanation'),
        ImportError('\nFailure finding "libnvrtc.so.13"'),
        OSError('Failure finding "libnvrtc.so.13"'),
        CompileError('Failure finding "libnvrtc.so.13"'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_broken_libraries(install: Callable[[Any], None], error: Exception) -> None:
    install(fake_cupy(ones=raising(error)))
    assert cause() == (
        'broken libraries (Failure finding "libnvrtc.so.13")\nTry: pip install "cupy-cuda13x[ctk]"'
    )


def test_an_error_of_another_kind_is_not_called_broken_libraries(
    install: Callable[[Any], None],
) -> None:
    install(fake_cupy(ones=raising(KeyError("a bug"))))
    with pytest.raises(KeyError, match="a bug"):
        backend.load("cupy")


def test_two_wheels_overwrite_each_other(
    install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(fake_cupy(ones=raising(ImportError("undefined symbol"))))
    both = {"cupy": ["cupy-cuda13x", "cupy-cuda12x", "cupy-cuda13x"]}
    module = sys.modules["xpcnn.backends.cupy_problem"]
    monkeypatch.setattr(module, "packages_distributions", lambda: both)
    assert cause() == (
        "broken libraries (undefined symbol)\n"
        'Try: pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install "cupy-cuda13x[ctk]"'
    )


def load_in_subprocess(folder: Path, *path: Path) -> str:
    code = (
        "from xpcnn import backend\n"
        "from xpcnn.errors import BackendError\n"
        "try: backend.load('cupy')\n"
        "except BackendError as error: print(error)\n"
    )
    places = [str(p) for p in (*path, ROOT)]
    code = f"import sys; sys.path[:0] = {places}\n{code}"
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout


def test_real_import_that_fails_is_broken_libraries(tmp_path: Path) -> None:
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text(
        "raise ImportError('\\n=====\\nCuPy failed to import\\n\\nlibcudart.so.13: no such file')"
    )
    (tmp_path / "cupy_cuda12x-14.0.dist-info").mkdir()
    (tmp_path / "cupy_cuda12x-14.0.dist-info" / "METADATA").write_text("Name: cupy-cuda12x\n")
    (tmp_path / "cupy_cuda12x-14.0.dist-info" / "top_level.txt").write_text("cupy\n")
    told = load_in_subprocess(tmp_path, tmp_path)
    assert told.startswith(
        "backend 'cupy' cannot be used: broken libraries (importing CuPy: CuPy failed to import)\n"
    )
    assert "cupy-cuda12x" in told.splitlines()[1]


def test_real_absence_or_real_state_is_told_in_words(tmp_path: Path) -> None:
    told = load_in_subprocess(tmp_path)
    if find_spec("cupy") is None:
        assert told.startswith("backend 'cupy' cannot be used: not installed (")
    else:
        causes = ("no driver", "no device", "broken libraries")
        refused = tuple(f"backend 'cupy' cannot be used: {words}" for words in causes)
        assert told == "" or told.startswith(refused)
    assert told == "" or told.splitlines()[1].startswith("Try: ")


def test_pinned_memory_of_a_data_set_is_freed(
    install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cupy = fake_cupy()
    install(cupy)
    gpu = backend.load("cupy")
    monkeypatch.setattr(import_module("xpcnn.backends.cupy_backend"), "LARGE", 100)
    gpu.from_host(numpy.zeros(99, numpy.uint8))
    assert cupy.freed_pinned == []
    gpu.from_host(numpy.zeros(100, numpy.uint8))
    assert cupy.freed_pinned == [True]


def test_a_session_of_another_thread_is_on_the_device(install: Callable[[Any], None]) -> None:
    install(fake_cupy())
    gpu = backend.load("cupy", 1)
    before = gpu.device.entered
    assert list(prefetched(iter([1, 2]), gpu.session)) == [1, 2]
    assert gpu.device.entered == before + 3  # two items, and the end


def test_uniform_launches_enough_threads_with_the_right_words(
    install: Callable[[Any], None],
) -> None:
    install(fake_cupy())
    gpu = backend.load("cupy")
    key = random.key(0, "dropout/layers.3")
    for shape in ((), (0,), (3, 0), (1,), (7,), (8,), (2048,), (2049,), (3, 5, 1000)):
        drawn = gpu.uniform(key, 2**63 + 5, shape)
        assert drawn.shape == shape
        assert drawn.tobytes() == random.uniform(key, 2**63 + 5, shape).tobytes()
        for first in (1, 8, 2051):
            drawn = gpu.uniform(key, 5, shape, first)
            assert drawn.tobytes() == random.uniform(key, 5, shape, first).tobytes()


def test_uniform_reads_a_step_that_is_an_array(install: Callable[[Any], None]) -> None:
    install(fake_cupy())
    gpu = backend.load("cupy")
    for dtype in (numpy.int32, numpy.int64, numpy.uint64, numpy.float32):
        step: Any = numpy.asarray(7, dtype)  # it stands for an array of the device
        drawn = gpu.uniform(5, step, (9,))
        assert drawn.tobytes() == random.uniform(5, 7, (9,)).tobytes()


@pytest.mark.parametrize(
    ("device", "index"), [(None, 0), (1, 1), ("1", 1), ("cuda", 0), ("cuda:1", 1)]
)
def test_device_names(install: Callable[[Any], None], device: str | int | None, index: int) -> None:
    install(fake_cupy())
    assert backend.load("cupy", device).device.id == index


def test_each_process_of_a_machine_has_its_device(
    install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(fake_cupy())  # two devices
    for place, index in (("0", 0), ("1", 1), ("2", 0), ("x", 0)):
        monkeypatch.setenv("LOCAL_RANK", place)
        assert backend.load("cupy").device.id == index
        assert backend.load("cupy", 1).device.id == 1


def test_memory_and_description(install: Callable[[Any], None]) -> None:
    install(fake_cupy())
    gpu = backend.load("cupy")
    whole = {"device_used": 40 << 30, "device_total": 100 << 30}
    assert gpu.memory() == {"used": 10, "reserved": 20, **whole}
    assert gpu.describe() == {
        "library": "CuPy 14.0",
        "device": "NVIDIA Test",
        "compute capability": "9.0",
        "tf32": "off",
        "driver": "13.0",
        "runtime": "13.2",
        "kernels": "off",
    }


def test_kernels_are_off_unless_asked_for(
    install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(fake_cupy())
    for given in (None, "", "0"):
        if given is not None:
            monkeypatch.setenv("XPCNN_CUDA_KERNELS", given)
        assert backend.load("cupy").describe()["kernels"] == "off"
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", "1")
    assert backend.load("cupy").describe()["kernels"] == "on"
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", "all")
    assert backend.load("cupy").describe()["kernels"] == "on, products too"
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", "yes")
    assert cause() == (
        "XPCNN_CUDA_KERNELS is 'yes', expected 0, 1, all, graph, cudnn or cudnn-graph\n"
        "Try: XPCNN_CUDA_KERNELS=1 for the CUDA kernels, or none"
    )


def test_info_says_whether_kernels_are_on(
    install: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(fake_cupy())
    for given, told in (("0", "off"), ("1", "on")):
        monkeypatch.setenv("XPCNN_CUDA_KERNELS", given)
        assert describe()["gpu"]["cupy"].endswith(f", runtime 13.2, kernels {told}, tf32 off")


def test_every_allocation_names_the_device(install: Callable[[Any], None]) -> None:
    install(fake_cupy())
    gpu = backend.load("cupy", 1)
    for call in (
        lambda: gpu.from_host(numpy.ones(2)),
        lambda: gpu.uniform(0, 0, (3,)),
        gpu.memory,
    ):
        before = gpu.device.entered
        call()
        assert gpu.device.entered == before + 1
    assert math.isclose(gpu.to_host(numpy.ones(2)).sum(), 2)


def test_tf32_is_off_until_it_is_asked_for(install: Callable[[Any], None]) -> None:
    cupy = fake_cupy()
    install(cupy)
    gpu = backend.load("cupy")
    assert gpu.describe()["tf32"] == "off"
    gpu.allow_tf32()
    assert cupy._core.get_compute_type("float32") == 7  # COMPUTE_TYPE_TF32
    assert gpu.describe()["tf32"] == "on"
    gpu.allow_tf32(False)
    assert gpu.describe()["tf32"] == "off"


def test_an_old_device_has_no_tf32(install: Callable[[Any], None]) -> None:
    cupy = fake_cupy()
    install(cupy)
    found = {"name": b"NVIDIA Old", "major": 7, "minor": 5}
    cupy.cuda.runtime.getDeviceProperties = lambda index: found
    gpu = backend.load("cupy")
    with pytest.raises(BackendError, match=r"has no TF32 \(compute capability 7.5, it came with"):
        gpu.allow_tf32()
    gpu.allow_tf32(False)  # is no problem
    assert gpu.describe()["tf32"] == "off"
