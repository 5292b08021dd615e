"""What is recorded: which arrays a call may read, and memory in which ranges overlap as before."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compiled.support import PACKAGE

recorder: Any = import_module(f"{PACKAGE}.recorder")
recording: Any = import_module("xpcnn.backends.numpy_kernels.recording")


@pytest.fixture
def listener() -> Iterator[Any]:
    found = recorder.Recorder([numpy.arange(4.0)], 1000)
    recording.listening.recording = found
    yield found
    recording.listening.recording = None


def test_arrays_that_are_known(listener: Any) -> None:
    given, own = listener.given[0], numpy.zeros(4)
    y = recording.copied(numpy.empty(4), given)
    assert listener.place(given[1:]).given == 0
    assert listener.place(y[::2]).given is None
    for other in (own, own[:0], y + 1):
        with pytest.raises(recorder.NotRecordableError):
            listener.place(other)
    with pytest.raises(ValueError, match="read-only"):
        y += 1


def test_an_array_that_is_gone_is_not_known_by_its_memory(listener: Any) -> None:
    memory = numpy.empty(8)
    recording.copied(memory[:4], listener.given[0])
    view = memory[1:3]
    view.flags.writeable = False
    assert listener.place(view).given is None
    listener.alive = [(lambda: None, low, high) for _, low, high in listener.alive]
    with pytest.raises(recorder.NotRecordableError):
        listener.place(view)


def test_only_what_is_alive_counts_as_memory(listener: Any) -> None:
    for _ in range(10):
        recording.copied(numpy.empty(100), numpy.broadcast_to(listener.given[0][:1], 100))
    assert len(listener.calls) == 10
    kept = recording.copied(numpy.empty(100), numpy.broadcast_to(listener.given[0][:1], 100))
    with pytest.raises(recorder.NotRecordableError):
        recording.copied(numpy.empty(100), numpy.broadcast_to(kept[:1], 100))


def test_ranges_that_overlapped_still_do() -> None:
    arena = recorder.Arena(
        [(1000, 1040), (5000, 5016), (1024, 1064), (1064, 1072), (992, 1000)], 96
    )
    assert [len(block) for block in arena.blocks] == [8, 64, 8, 16]

    def view(start: int, count: int) -> Any:
        place = recorder.Place(start, (count,), (8,), numpy.dtype("float64"), None)
        return arena.view(place)

    one, two, three, far = view(1000, 5), view(1024, 5), view(1064, 1), view(5000, 2)
    for i, x in enumerate((one, two, three, far)):
        x[...] = i
    assert one.tolist() == [0, 0, 0, 1, 1]
    assert (two == 1).all()
    assert three.tolist() == [2]
    assert (far == 3).all()
    starts = [int(x.ctypes.data) % recorder.ALIGNED for x in (one, two, three, far)]
    assert starts == [start % recorder.ALIGNED for start in (1000, 1024, 1064, 5000)]
