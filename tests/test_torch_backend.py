"""Which devices PyTorch offers, and what is said when it does not."""

from importlib import import_module
from typing import Any

import pytest

from xpcnn import backend
from xpcnn.errors import BackendError

torch: Any = pytest.importorskip("torch")


def refusal(device: str | int | None) -> str:
    with pytest.raises(BackendError) as refused:
        backend.load("torch", device)
    text = str(refused.value)
    assert text.startswith("backend 'torch' cannot be used: ")
    return text.removeprefix("backend 'torch' cannot be used: ")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_a_build_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert refusal("cuda") == (
        "no CUDA (this PyTorch is built without it)\n"
        "Try: the install line for CUDA on pytorch.org/get-started, or device 'cpu'"
    )


def test_no_driver_or_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert refusal(0) == (
        "no CUDA (PyTorch finds no NVIDIA driver or no device)\n"
        "Try: `nvidia-smi`, which must list a GPU, or device 'cpu'"
    )


def test_no_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert refusal("mps") == (
        "no MPS (Metal needs an Apple GPU and macOS 12.3 or later)\nTry: device 'cpu'"
    )


@pytest.mark.usefixtures("two_gpus")
def test_no_such_device() -> None:
    assert refusal(2) == "no cuda:2 (devices: 2, counted from 0)\nTry: device 'cuda:0'"
    for unknown in ("gpu", "cuda:x", "cuda:-1", -1, "cpu:1"):
        assert refusal(unknown) == (
            f"PyTorch has no device {unknown!r} here\nTry: device 'cpu', 'cuda', 'cuda:N' or 'mps'"
        )


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("device", "name"),
    [(None, "cpu"), ("cpu", "cpu"), ("cuda", "cuda:0"), (1, "cuda:1"), ("1", "cuda:1")],
)
def test_device_names(device: str | int | None, name: str) -> None:
    assert str(backend.load("torch", device).device) == name


def test_tf32_is_of_cuda(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendError) as refused:
        backend.load("torch").allow_tf32()
    assert str(refused.value) == (
        "backend 'torch' on cpu has no TF32 (TF32 is of NVIDIA GPUs)\n"
        "Try: backend 'cupy', or 'torch' on device 'cuda'; or leave TF32 out"
    )
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    gpu = backend.load("torch", "cuda")
    gpu.allow_tf32()
    assert torch.backends.cuda.matmul.allow_tf32
    gpu.allow_tf32(False)
    assert not torch.backends.cuda.matmul.allow_tf32
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    with pytest.raises(BackendError, match=r"compute capability 7\.0"):
        gpu.allow_tf32()


@pytest.mark.usefixtures("two_gpus")
def test_each_process_of_a_machine_has_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    name = import_module("xpcnn.backends.torch_backend")._device_name
    assert (name("cuda"), name(1), name(None)) == ("cuda:0", "cuda:1", "cpu")
    for place, expected in (("0", "cuda:0"), ("1", "cuda:1"), ("2", "cuda:0")):
        monkeypatch.setenv("LOCAL_RANK", place)
        assert (name("cuda"), name("cuda:1")) == (expected, "cuda:1")
