"""Sums in memory that processes share: threads, which open it as processes of one machine do."""

import os
import sys
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.group.members import Member, together
from tests.group.test_equal import assert_equal, trained
from xpcnn.layers import Dense, Flatten, ReLU

engine_memory = import_module("xpcnn.backends.engine_memory")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory as Linux shares it")


@pytest.fixture(autouse=True)
def _small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_memory, "SMALLEST", 16)


def shared(member: Member) -> Any:
    def meet() -> None:
        member.gather(None)

    return engine_memory.SharedMemory(member.rank, member.gather, meet, member.sum)


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("count", [4, 5, 10_007])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums(size: int, count: int, dtype: str) -> None:
    def work(member: Member) -> list[numpy.ndarray]:
        memory, found = shared(member), []
        for factor, more in ((1, 0), (10, 0), (1, 5), (1, 0)):  # larger, and smaller again
            x = memory.lend(count + more, numpy.zeros(0, dtype))
            assert (x.shape, x.dtype) == ((count + more,), dtype)
            x[...] = numpy.arange(count + more) % 100 + factor * member.rank
            assert memory.sum(x) is x
            found.append(x.copy())
        assert memory.sum(found[0]) is not found[0]
        assert member.sums == 1  # of the array that is not of the memory
        return found

    of_ranks = sum(range(size))
    for found in together(size, work):
        for total, factor in zip(found, (1, 10, 1, 1), strict=True):
            expected = size * (numpy.arange(len(total)) % 100) + factor * of_ranks
            assert (total == expected).all()


def test_a_training_sums_in_it() -> None:
    layers = [Flatten(), Dense(8), ReLU(), Dense(3)]

    def work(member: Member) -> Any:
        memory = shared(member)
        vars(member).update(lend=memory.lend, sum=memory.sum)
        result = trained(member, layers=layers)
        assert member.sums == 0
        return result

    assert_equal(together(3, work), trained(None, layers=layers))


def lent(size: int = 3) -> list[Any]:
    return together(size, lambda member: shared(member).lend(10, numpy.float32(0)))


def test_processes_that_share_nothing_lend_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(x is not None for x in lent())
    opened = engine_memory._opened

    def elsewhere(process: int, file: int, word: bytes, size: int) -> Any:
        return opened(0, file, word, size)  # no process has this number

    def another(process: int, file: int, word: bytes, size: int) -> Any:
        return opened(process, file, bytes(16), size)  # a file, and not the one of the group

    for replaced in (elsewhere, another):
        with monkeypatch.context() as patched:
            patched.setattr(engine_memory, "_opened", replaced)
            assert lent() == [None] * 3
    with monkeypatch.context() as patched:
        patched.delattr(os, "memfd_create")
        assert lent() == [None] * 3


def test_small_arrays_are_left_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_memory, "SMALLEST", 44)
    assert lent() == [None] * 3


def test_one_that_has_no_memory_decides_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    memory = engine_memory._memory

    def once(size: int) -> Any:
        made.append(size)
        return None if len(made) == 1 else memory(size)

    monkeypatch.setattr(engine_memory, "_memory", once)
    before = len(os.listdir("/proc/self/fd"))
    assert lent() == [None] * 3
    assert len(os.listdir("/proc/self/fd")) == before
