"""Products of float32 with TF32 and without, on the stand-ins for CuPy and for PyTorch's CUDA."""

import copy
import pickle
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from tests.cuda_on_host import arrays
from tests.fake_cupy import fake_cupy
from xpcnn import Model, backend
from xpcnn.backend import Backend
from xpcnn.errors import BackendError, ConfigError
from xpcnn.layers import Dense, Flatten

NUMBERS = {1: False, 7: True}  # CuPy's for the default and for TF32


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NVIDIA_TF32_OVERRIDE", "CUPY_TF32", "XPCNN_CUDA_KERNELS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def put() -> Iterator[Callable[..., Any]]:
    """Return a function that puts a CuPy made of NumPy in the place of any real one."""
    with patch.dict(sys.modules):

        def install(**options: Any) -> Any:
            cupy = fake_cupy(**options)
            sys.modules["cupy"], sys.modules["array_api_compat.cupy"] = cupy, arrays.namespace
            return cupy

        yield install


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Pretend that PyTorch has one CUDA device of compute capability 9.0; return its switches."""
    torch: Any = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Test")
    switch = torch.backends.cuda.matmul
    yield switch
    switch.allow_tf32 = False


def load(name: str, device: str | None = None, *, tf32: bool) -> Backend:
    opened = backend.load(name, device)
    if tf32:
        opened.allow_tf32()
    return opened


def is_on(cupy: Any) -> bool:
    return NUMBERS[cupy._core.get_compute_type("float32")]


@pytest.mark.parametrize("variable", ["0", "1"])
@pytest.mark.parametrize("tf32", [False, True])
def test_cupy_multiplies_as_it_was_opened_whatever_its_variable_says(
    put: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, variable: str, tf32: bool
) -> None:
    monkeypatch.setenv("CUPY_TF32", variable)
    cupy = put()
    opened = load("cupy", tf32=tf32)
    assert (opened.tf32, is_on(cupy)) == (tf32, tf32)
    assert opened.describe()["tf32"] == ("on" if tf32 else "off")


def test_backends_of_one_process_keep_their_ways(put: Callable[..., Any]) -> None:
    cupy = put()
    fast, exact = load("cupy", tf32=True), backend.load("cupy")
    assert not is_on(cupy)
    with fast.session():
        assert is_on(cupy)
        with exact.session():
            assert not is_on(cupy)
        assert is_on(cupy)
    assert not is_on(cupy)


def test_a_variable_of_nvidia_s_libraries_is_no_surprise(
    put: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put()
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    with pytest.raises(BackendError, match=r"no TF32 \(NVIDIA_TF32_OVERRIDE=0 turns it off\)"):
        load("cupy", tf32=True)
    assert not backend.load("cupy").tf32
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert backend.problem("cupy") == (
        "NVIDIA_TF32_OVERRIDE=1 turns TF32 on whatever is asked for",
        "unset NVIDIA_TF32_OVERRIDE; --tf32 for TF32",
    )


def test_kernels_of_all_products_have_none(
    put: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put()
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", "all")
    with pytest.raises(BackendError, match=r"\(with XPCNN_CUDA_KERNELS=all, graph or cudnn-graph,"):
        load("cupy", tf32=True)
    assert not backend.load("cupy").tf32


def test_pytorch_multiplies_as_it_was_opened(products: Any) -> None:
    products.allow_tf32 = True  # as a user may have said
    exact = backend.load("torch", "cuda")
    assert (exact.tf32, exact.describe()["tf32"], products.allow_tf32) == (False, "off", False)
    fast = load("torch", "cuda", tf32=True)
    assert (fast.tf32, fast.describe()["tf32"], products.allow_tf32) == (True, "on", True)
    with exact.session():
        assert not products.allow_tf32
        with fast.session():
            assert products.allow_tf32
        assert not products.allow_tf32
    assert products.allow_tf32


def test_pytorch_s_other_switch_is_heeded(products: Any) -> None:
    if not hasattr(products, "fp32_precision"):
        pytest.skip("of PyTorch 2.9 and later")
    exact = backend.load("torch", "cuda")
    products.fp32_precision = "tf32"  # from now on allow_tf32 cannot be read
    with exact.session():
        assert products.fp32_precision == "ieee"
    assert products.fp32_precision == "tf32"


def test_pytorch_heeds_nvidia_s_variable(products: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert backend.problem("torch", "cuda") is not None
    assert backend.problem("torch") is None  # on the CPU


def test_the_cpu_leaves_pytorch_s_switch_alone(products: Any) -> None:
    products.allow_tf32 = True
    opened = backend.load("torch")
    assert "tf32" not in opened.describe()
    with opened.session():
        assert products.allow_tf32


def test_the_switch_is_true_or_false() -> None:
    with pytest.raises(ConfigError, match="on must be True or False, got str"):
        backend.load("numpy").allow_tf32("yes")  # type: ignore[arg-type]  # what is tested


def test_models_keep_the_way_of_their_backend(put: Callable[..., Any]) -> None:
    put()
    library = load("cupy", tf32=True)
    model = Model([Flatten(), Dense(2)], input_shape=(1, 2, 2), backend=library)
    assert copy.deepcopy(model).backend.tf32
    assert pickle.loads(pickle.dumps(model)).backend.tf32
    assert not model.to("cupy").backend.tf32
