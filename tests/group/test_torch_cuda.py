"""Sums of arrays on GPUs by torch.distributed, on stand-ins for PyTorch and CuPy: threads."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from tests.group.members import Member, together

torch_cuda = import_module("xpcnn.backends.torch_cuda")


class OnGpu:
    """Stands for an array of CuPy's on device 3, in memory of the host."""

    def __init__(self, values: numpy.ndarray) -> None:
        self.values = values

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 3


class Tensor(OnGpu):
    """Stands for one of PyTorch's on that device, or on the host."""

    device = 3

    def cpu(self) -> "Tensor":
        host = Tensor(self.values.copy())
        host.device = -1
        return host

    def copy_(self, host: "Tensor") -> None:
        self.values[...] = host.values


class Torch:
    """Stands for PyTorch in a process; notes its calls."""

    def __init__(self, member: Member, uuid: int, nccl: bool = True, cuda: bool = True) -> None:
        self.member, self.Tensor = member, Tensor
        self.calls: list[str] = []
        self.utils = SimpleNamespace(dlpack=SimpleNamespace(from_dlpack=self.from_dlpack))
        self.cuda = SimpleNamespace(
            is_available=lambda: cuda,
            get_device_properties=lambda device: SimpleNamespace(uuid=uuid),
            ExternalStream=lambda pointer, device: (pointer, device),
            stream=self.stream,
        )
        self.distributed = SimpleNamespace(
            is_nccl_available=lambda: nccl, all_reduce=self.all_reduce
        )

    def from_dlpack(self, x: OnGpu) -> Tensor:
        self.calls.append("from_dlpack")
        return Tensor(x.values)  # shares the memory

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        self.calls.append(f"stream {stream}")
        yield
        self.calls.append("stream as before")

    def all_reduce(self, tensor: Tensor, group: str) -> None:
        self.calls.append(f"all_reduce on {tensor.device} of {group}")
        tensor.values[...] = self.member.sum(tensor.values)


def cupy() -> Any:
    stream = SimpleNamespace(ptr=5)
    return SimpleNamespace(cuda=SimpleNamespace(get_current_stream=lambda: stream))


@pytest.mark.parametrize(
    ("uuids", "nccl", "where"),
    [((7, 8, 9), True, 3), ((7, 8, 7), True, -1), ((7, 8, 9), False, -1)],
)
@pytest.mark.parametrize("kind", [OnGpu, Tensor])
def test_a_sum_on_devices(
    kind: type[OnGpu],
    uuids: tuple[int, ...],
    nccl: bool,
    where: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By NCCL where each of three processes has a device of its own, else through the host.

    On the stream of the library that computes the array.
    """
    monkeypatch.setitem(sys.modules, "cupy", cupy())

    def work(member: Member) -> list[float]:
        torch = Torch(member, uuids[member.rank], nccl=nccl or member.rank != 1)
        total = torch_cuda.DeviceSums(torch, member.gather)
        x = kind(numpy.array([1.0, member.rank]))
        assert torch_cuda.is_on_gpu(x)
        assert total(x, "all") is x
        first = list(x.values)
        total(x, "all")
        stream = None if kind is Tensor else (5, 3)
        one = [f"stream {stream}", "from_dlpack", f"all_reduce on {where} of all"]
        assert torch.calls == [*one, "stream as before"] * 2
        return [*first, *x.values]

    assert together(3, work) == [[3, 3, 9, 9]] * 3


def test_by_what_processes_are_connected() -> None:
    member: Any = None
    assert torch_cuda.connections(Torch(member, 0)) == "cpu:gloo,cuda:nccl"
    assert torch_cuda.connections(Torch(member, 0, nccl=False)) == "gloo"
    assert torch_cuda.connections(Torch(member, 0, cuda=False)) == "gloo"
    assert not torch_cuda.is_on_gpu(numpy.zeros(1))


def test_pytorch_without_cuda() -> None:
    member: Any = None
    total = torch_cuda.DeviceSums(Torch(member, 0, cuda=False), lambda value: [value])
    with pytest.raises(RuntimeError, match="no CUDA here; take --engine mpi"):
        total(OnGpu(numpy.zeros(1)), None)


def test_the_engine_sums_arrays_on_gpus_there() -> None:
    """Those of all processes and of neighbours, and those that begin early; others by gloo."""
    module: Any = pytest.importorskip("torch") and import_module("xpcnn.backends.torch_engine")
    summed: list[Any] = []

    def on_gpus(x: Any, processes: Any) -> Any:
        summed.append(processes)
        return x

    class Connected(module.Engine):  # type: ignore[misc]
        def __init__(self) -> None:
            self._on_gpus = on_gpus
            self.sum = partial(self._sum, None)

    engine, x = Connected(), OnGpu(numpy.zeros(1))
    assert engine._sum("neighbours", x) is x
    assert engine.begin_sum(x)() is x
    assert summed == ["neighbours", None]
