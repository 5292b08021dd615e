"""Sums of CuPy arrays by NCCL, on a stand-in for both: threads, and the memory of the host."""

import ctypes
import sys
from importlib import import_module
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from tests.cuda_on_host import arrays
from tests.fake_cupy import cupy_on_host, fake_cupy
from tests.group.members import Member, Table, together
from tests.group.test_equal import data
from xpcnn import Model
from xpcnn.layers import BatchNorm, Dense, Flatten, Layer, ReLU
from xpcnn.types import flatten

device_sum = import_module("xpcnn.backends.mpi_cupy").device_sum

TYPES = {7: ctypes.c_float, 8: ctypes.c_double}  # of nccl.h


class Communicator:
    """Stands for NcclCommunicator."""

    def __init__(self, size: int, identifier: Table, rank: int) -> None:
        assert identifier.size == size
        self.member = Member(identifier, rank)

    def allReduce(self, source: int, to: int, count: int, kind: int, op: int, stream: int) -> None:
        assert (source, op, stream) == (to, 0, 5)
        values = numpy.ctypeslib.as_array((TYPES[kind] * count).from_address(to))
        values[...] = self.member.sum(values)


class Processes(Member):
    """Stands for an MPI communicator."""

    def bcast(self, value: Any, root: int) -> Any:
        assert root == 0
        return self.broadcast(value)

    def allgather(self, value: Any) -> list[Any]:
        return self.gather(value)

    def Allreduce(self, x: Any, total: Any) -> None:
        total[...] = self.sum(x)


def cupy_with_nccl(size: int, available: bool, devices: int) -> Any:
    """Return a CuPy whose processes have the next of so many devices each."""
    cupy, place = fake_cupy(), count()
    cupy.cuda.nccl = SimpleNamespace(
        available=available,
        NCCL_FLOAT32=7,
        NCCL_FLOAT64=8,
        NCCL_SUM=0,
        NcclCommunicator=Communicator,
        get_unique_id=lambda: Table(size),
    )
    cupy.cuda.Device = lambda: SimpleNamespace(pci_bus_id=f"0000:{next(place) % devices:02}:00.0")
    cupy.cuda.get_current_stream = lambda: SimpleNamespace(ptr=5)
    return cupy


@pytest.mark.parametrize(
    ("available", "devices", "through_host"), [(True, 3, 0), (True, 2, 1), (False, 3, 1)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_on_devices(
    available: bool, devices: int, through_host: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By NCCL where each of three processes has a device of its own, else through the host."""
    monkeypatch.setitem(sys.modules, "cupy", cupy_with_nccl(3, available, devices))
    arrays.waits.clear()

    def work(member: Member) -> list[list[float]]:
        total = device_sum(Processes(member.table, member.rank))
        x = arrays.from_host(numpy.array([1.0, member.rank], dtype))
        first = total(x)
        assert first is x
        return [arrays.on_host(first).tolist(), arrays.on_host(total(x)).tolist()]

    assert together(3, work) == [[[3, 3], [9, 9]]] * 3
    assert sorted(arrays.waits) == ["get"] * 6 * through_host + ["set"] * 6 * through_host


def test_a_run_on_devices_is_that_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy_with_nccl(2, True, 2))

    class OnDevices(Member):
        def __init__(self, member: Member) -> None:
            super().__init__(member.table, member.rank)
            self.total = device_sum(Processes(member.table, member.rank))

        def sum(self, x: Any) -> Any:
            return self.total(x)

    def weights(member: Member | None) -> Any:
        layers: list[Layer] = [Flatten(), Dense(5, bias=False), BatchNorm(), ReLU(), Dense(3)]
        model = Model(layers, input_shape=(2, 6, 6), backend=cupy_on_host(), dtype="float64")
        group = None if member is None else OnDevices(member)
        model.fit(data(22), epochs=2, batch_size=8, group=group, health=False)
        return {path: model.backend.to_host(x) for path, x in flatten(model.params).items()}

    expected = weights(None)
    for found in together(2, weights):
        for path, x in expected.items():
            atol = 1e-12 * numpy.abs(x).max()
            numpy.testing.assert_allclose(found[path], x, rtol=0, atol=atol, err_msg=path)
