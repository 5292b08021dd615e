"""The CuPy backend without a GPU: what it asks of CuPy, which is made of NumPy here.

What needs a device is in test_backend.py, which runs on CuPy where one is.
"""

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.fake_cupy import cause, fake_cupy
from xpcnn import backend, random
from xpcnn.environment import describe
from xpcnn.errors import BackendError
from xpcnn.training.prefetch import prefetched


def test_pinned_memory_of_a_data_set_is_freed(
    install_cupy: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cupy = fake_cupy()
    install_cupy(cupy)
    gpu = backend.load("cupy")
    monkeypatch.setattr(import_module("xpcnn.backends.cupy_backend"), "LARGE", 100)
    gpu.from_host(numpy.zeros(99, numpy.uint8))
    assert cupy.freed_pinned == []
    gpu.from_host(numpy.zeros(100, numpy.uint8))
    assert cupy.freed_pinned == [True]


def test_a_session_of_another_thread_is_on_the_device(install_cupy: Callable[[Any], None]) -> None:
    install_cupy(fake_cupy())
    gpu = backend.load("cupy", 1)
    before = gpu.device.entered
    assert list(prefetched(iter([1, 2]), gpu.session)) == [1, 2]
    assert gpu.device.entered == before + 3  # two items, and the end


def test_uniform_launches_enough_threads_with_the_right_words(
    install_cupy: Callable[[Any], None],
) -> None:
    install_cupy(fake_cupy())
    gpu = backend.load("cupy")
    key = random.key(0, "dropout/layers.3")
    for shape in ((), (0,), (3, 0), (1,), (7,), (8,), (2048,), (2049,), (3, 5, 1000)):
        drawn = gpu.uniform(key, 2**63 + 5, shape)
        assert drawn.shape == shape
        assert drawn.tobytes() == random.uniform(key, 2**63 + 5, shape).tobytes()
        for first in (1, 8, 2051):
            drawn = gpu.uniform(key, 5, shape, first)
            assert drawn.tobytes() == random.uniform(key, 5, shape, first).tobytes()


def test_uniform_reads_a_step_that_is_an_array(install_cupy: Callable[[Any], None]) -> None:
    install_cupy(fake_cupy())
    gpu = backend.load("cupy")
    for dtype in (numpy.int32, numpy.int64, numpy.uint64, numpy.float32):
        step: Any = numpy.asarray(7, dtype)  # it stands for an array of the device
        drawn = gpu.uniform(5, step, (9,))
        assert drawn.tobytes() == random.uniform(5, 7, (9,)).tobytes()


@pytest.mark.parametrize(
    ("device", "index"), [(None, 0), (1, 1), ("1", 1), ("cuda", 0), ("cuda:1", 1)]
)
def test_device_names(
    install_cupy: Callable[[Any], None], device: str | int | None, index: int
) -> None:
    install_cupy(fake_cupy())
    assert backend.load("cupy", device).device.id == index


def test_each_process_of_a_machine_has_its_device(
    install_cupy: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_cupy(fake_cupy())  # two devices
    for place, index in (("0", 0), ("1", 1), ("2", 0), ("x", 0)):
        monkeypatch.setenv("LOCAL_RANK", place)
        assert backend.load("cupy").device.id == index
        assert backend.load("cupy", 1).device.id == 1


def test_memory_and_description(install_cupy: Callable[[Any], None]) -> None:
    install_cupy(fake_cupy())
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
    install_cupy: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_cupy(fake_cupy())
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
    install_cupy: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_cupy(fake_cupy())
    for given, told in (("0", "off"), ("1", "on")):
        monkeypatch.setenv("XPCNN_CUDA_KERNELS", given)
        assert describe()["gpu"]["cupy"].endswith(f", runtime 13.2, kernels {told}, tf32 off")


def test_every_allocation_names_the_device(install_cupy: Callable[[Any], None]) -> None:
    install_cupy(fake_cupy())
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


def test_tf32_is_off_until_it_is_asked_for(install_cupy: Callable[[Any], None]) -> None:
    cupy = fake_cupy()
    install_cupy(cupy)
    gpu = backend.load("cupy")
    assert gpu.describe()["tf32"] == "off"
    gpu.allow_tf32()
    assert cupy._core.get_compute_type("float32") == 7  # COMPUTE_TYPE_TF32
    assert gpu.describe()["tf32"] == "on"
    gpu.allow_tf32(False)
    assert gpu.describe()["tf32"] == "off"


def test_an_old_device_has_no_tf32(install_cupy: Callable[[Any], None]) -> None:
    cupy = fake_cupy()
    install_cupy(cupy)
    found = {"name": b"NVIDIA Old", "major": 7, "minor": 5}
    cupy.cuda.runtime.getDeviceProperties = lambda index: found
    gpu = backend.load("cupy")
    with pytest.raises(BackendError, match=r"has no TF32 \(compute capability 7.5, it came with"):
        gpu.allow_tf32()
    gpu.allow_tf32(False)  # is no problem
    assert gpu.describe()["tf32"] == "off"
