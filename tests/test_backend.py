"""Backends: how they are loaded, what they say when they cannot be, how arrays go in and out."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import array_api_compat
import numpy
import pytest
from threadpoolctl import threadpool_info

from xpcnn import backend, random
from xpcnn.backend import Backend
from xpcnn.errors import BackendError
from xpcnn.layers import Dense
from xpcnn.network import Network
from xpcnn.training.run_identity import environment
from xpcnn.types import namespace

ROOT = Path(__file__).parents[1]
DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")


@pytest.fixture(params=backend.NAMES)
def library(request: pytest.FixtureRequest) -> Backend:
    problem = backend.problem(request.param)
    if problem is not None:
        pytest.skip(f"{request.param}: {problem[0]}")
    return backend.load(request.param)


@pytest.fixture
def own_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test a table of kernels of its own."""
    monkeypatch.setattr(backend, "_kernels", {})


def host_arrays(dtype: str) -> Iterator[numpy.ndarray]:
    """Yield arrays of every kind of memory that a caller may bring."""
    x = numpy.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(dtype)
    read_only = x.copy()
    read_only.flags.writeable = False
    yield x
    yield x.transpose(3, 1, 0, 2)  # a transposed view
    yield numpy.asfortranarray(x)
    yield x[:, ::2, 1:, ::-1]  # gaps and a negative stride
    yield read_only
    yield numpy.broadcast_to(x[:, :1], x.shape)  # stride 0, read-only
    yield x[:0]
    yield x[0, 0, 0, 1:2].reshape(())


# the name and the device


def test_an_unknown_name_near_to_none() -> None:
    with pytest.raises(BackendError, match=r"unknown backend 'xyz'\nTry: one of array_api_strict"):
        backend.problem("xyz")


def test_numpy_has_one_device() -> None:
    assert backend.load("numpy", "cpu").device == "cpu"


def test_array_api_strict_names_its_devices() -> None:
    pytest.importorskip("array_api_strict")
    assert str(backend.load("array_api_strict", "device2").device).endswith("('device2')")
    with pytest.raises(BackendError) as refused:
        backend.load("array_api_strict", "device9")
    assert str(refused.value) == (
        "backend 'array_api_strict' cannot be used: array-api-strict has no device 'device9'\n"
        "Try: device 'device1' or 'CPU_DEVICE'"
    )


def test_backend_is_described(library: Backend) -> None:
    assert repr(library).startswith(f"Backend({library.name!r}, device=")
    assert all(isinstance(v, str) for v in library.describe().values())
    assert library.describe()["library"].split()[-1][0].isdecimal()
    assert all(type(v) is int and v >= 0 for v in library.memory().values())
    library.synchronize()


def test_numpy_says_its_blas_and_threads() -> None:
    facts = backend.load("numpy").describe()
    assert facts["library"] == f"NumPy {numpy.__version__}"
    assert facts["blas"]
    if "openblas" in facts["blas"]:
        pools = [pool for pool in threadpool_info() if pool["internal_api"] == "openblas"]
        (processor,) = {pool["architecture"] for pool in pools}
        assert facts["blas"].endswith(f", {processor} kernels")
        assert 1 <= int(facts["threads"]) <= 1024


@pytest.mark.usefixtures("own_kernels")
def test_winograd_is_of_float32_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_WINOGRAD", "on")
    library = backend.load("numpy")
    facts = library.describe()
    assert library.describe_for("float32") == facts
    assert library.describe_for("float64") == {**facts, "winograd": "off"}
    for dtype in ("float32", "float64"):
        network = Network([Dense(1)], input_shape=(1,), backend=library, dtype=dtype)
        assert environment(network)["winograd"] == library.describe_for(dtype)["winograd"]


def test_numpy_memory_is_in_bytes() -> None:
    peak = backend.load("numpy").memory().get("peak_rss", 2**24)  # absent on Windows
    assert 2**24 <= peak < 2**40


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a system's own figure")
def test_peak_memory_is_not_that_of_the_process_that_started_this_one() -> None:
    held = numpy.ones(2**25)  # 256 MiB
    script = "from xpcnn import backend; print(backend.load('numpy').memory()['peak_rss'])"
    ran = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    assert int(ran.stdout) < held.nbytes


# kernels


@pytest.mark.usefixtures("own_kernels")
def test_kernels_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    x = numpy.ones((1, 1, 2, 2), "float32")
    monkeypatch.setenv("XPCNN_KERNELS", "off")
    off = backend.load("numpy")
    assert [backend.kernel_for(x, name) for name in ("conv2d", "sgd")] == [None, None]
    assert off.describe()["kernels"] == "off by XPCNN_KERNELS: the references compute"
    assert off.describe()["winograd"] == "off"
    assert [*off.warm_up()] == []
    monkeypatch.setenv("XPCNN_KERNELS", "on")
    assert "XPCNN_KERNELS" not in backend.load("numpy").describe()["kernels"]
    assert backend.kernel_for(x, "conv2d") is not None


def test_an_unknown_value_of_the_switch_of_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_KERNELS", "of")
    message = r"XPCNN_KERNELS is 'of', expected 'on' or 'off'\nTry: XPCNN_KERNELS=off, or unset it"
    with pytest.raises(BackendError, match=message):
        backend.load("numpy")


@pytest.mark.usefixtures("own_kernels")
def test_kernels_are_found_by_array_type_and_can_be_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numpy_backend = import_module("xpcnn.backends.numpy_backend")
    x = numpy.ones(3)
    monkeypatch.setattr(numpy_backend.NumPyLibrary, "kernels", {"relu": abs})
    assert backend.kernel_for(x, "relu") is None
    backend.load("numpy")
    assert backend.kernel_for(x, "relu") is abs
    assert backend.kernel_for(x, "conv2d") is None
    assert backend.kernel_for("no array", "relu") is None
    backend._kernels.clear()
    assert backend.kernel_for(x, "relu") is None


# arrays


@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(library: Backend, dtype: str) -> None:
    for x in host_arrays(dtype):
        device_array = library.from_host(x)
        kind = type(device_array)
        assert kind is library.array_type
        assert device_array.dtype == library.dtype(dtype)
        assert array_api_compat.device(device_array) == library.device
        y = library.to_host(device_array)
        assert (type(y), y.shape, y.dtype) == (numpy.ndarray, x.shape, x.dtype)
        assert y.flags.c_contiguous
        assert y.tobytes() == x.tobytes()


def test_to_host_of_a_view_is_contiguous(library: Backend) -> None:
    x = numpy.arange(120, dtype=numpy.float32).reshape(2, 3, 4, 5)
    a = library.from_host(x)
    view = library.xp.permute_dims(a, (3, 1, 0, 2))[1::2, ...]
    y = library.to_host(view)
    assert y.flags.c_contiguous
    assert y.tobytes() == x.transpose(3, 1, 0, 2)[1::2].tobytes()


def test_to_host_is_a_copy(library: Backend) -> None:
    a = library.from_host(numpy.zeros((2, 2), dtype=numpy.float32))
    library.to_host(a)[...] = 1
    assert not library.to_host(a).any()


def test_from_host_is_a_copy_except_on_numpy(library: Backend) -> None:
    x = numpy.zeros((2, 2), dtype=numpy.float32)
    a = library.from_host(x)
    x[...] = 1
    assert library.to_host(a).any() == (library.name == "numpy")


def test_the_namespace_of_an_array_is_the_library_s(library: Backend) -> None:
    a = library.from_host(numpy.ones(3, dtype=numpy.float32))
    assert namespace(a) is library.xp
    assert float(library.xp.sum(a)) == 3


def test_two_libraries_in_one_process(library: Backend) -> None:
    x = numpy.ones((2, 3), dtype=numpy.float32)
    a, b = backend.load("numpy").from_host(x), library.from_host(x)
    assert library.to_host(b + b).tobytes() == (a + a).tobytes()


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (3, 5, 2), (64, 33)])
@pytest.mark.parametrize("step", [0, 1, 2**63 + 1])
def test_uniform_has_the_same_bits_everywhere(
    library: Backend, step: int, shape: tuple[int, ...]
) -> None:
    key = random.key(0, "dropout/layers.3")
    drawn = library.uniform(key, step, shape)
    assert array_api_compat.device(drawn) == library.device
    assert drawn.dtype == library.dtype("float32")
    host = library.to_host(drawn)
    assert host.shape == shape
    assert host.tobytes() == random.uniform(key, step, shape).tobytes()


def test_every_backend_file_brings_what_the_door_asks_for() -> None:
    for name in backend.NAMES:
        backend.problem(name)
        module: ModuleType = sys.modules[f"xpcnn.backends.{name}_backend"]
        assert all(callable(kernel) for kernel in module.open_library.kernels.values())
        assert callable(module.problem)
    files = {path.name for path in (ROOT / "backends").glob("*_backend.py")}
    assert files == {f"{name}_backend.py" for name in backend.NAMES}
