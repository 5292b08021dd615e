"""What is recorded: which arrays a call may read, and memory that arrays share by turns."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compiled.support import PACKAGE, library

memory: Any = import_module("xpcnn.backends.numpy_kernels.memory")
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


def test_constants(listener: Any) -> None:
    """Arrays that are read-only from the beginning; those that a call has filled are not."""
    add = library.Call("add", "ppo ll ll")
    one, y = numpy.ones(4, "float32"), numpy.empty(4, "float32")
    with pytest.raises(recorder.NotRecordableError):
        listener.add(add, (one, one, y, 4, 0, 1, 1))
    one.flags.writeable = False
    listener.add(add, (one, one, y, 4, 0, 1, 1))
    listener.add(add, (y, one, numpy.empty(4, "float32"), 4, 0, 1, 1))
    first, second = (call.arguments for call in listener.calls)
    assert first[0] == first[1] == second[1] == library.address(one)
    assert all(constant is one for constant in listener.constants)
    assert second[0] == first[2]
    part = numpy.empty(8, "float32")
    listener.add(add, (one, one, part[:4], 4, 0, 1, 1))
    part.flags.writeable = False  # the rest of it is of another code
    with pytest.raises(recorder.NotRecordableError):
        listener.add(add, (part, part, numpy.empty(8, "float32"), 8, 0, 1, 1))


def test_an_array_that_is_gone_is_not_known_by_its_memory(listener: Any) -> None:
    memory = numpy.empty(8)
    recording.copied(memory[:4], listener.given[0])
    view = memory[1:3]
    view.flags.writeable = False
    assert listener.place(view).given is None
    listener.blocks[0].owner = lambda: None
    with pytest.raises(recorder.NotRecordableError):
        listener.place(view)


def test_only_what_is_alive_counts_as_memory(listener: Any) -> None:
    for _ in range(10):
        recording.copied(numpy.empty(100), numpy.broadcast_to(listener.given[0][:1], 100))
    assert len(listener.calls) == 10
    kept = recording.copied(numpy.empty(100), numpy.broadcast_to(listener.given[0][:1], 100))
    with pytest.raises(recorder.NotRecordableError):
        recording.copied(numpy.empty(100), numpy.broadcast_to(kept[:1], 100))


def test_blocks_that_no_call_uses_together_overlap() -> None:
    def block(size: int, first: int, last: int) -> Any:
        return recorder.Block(0, size, first, last, lambda: None)

    blocks = [block(640, 0, 1), block(100, 1, 2), block(600, 2, 3), block(40, 3, 4), block(8, 0, 4)]
    # to the next multiple of 64: 640, 128, 640, 64, 64
    assert recorder.packed(blocks) == ([0, 640, 0, 640, 768], 832)
    with pytest.raises(recorder.NotRecordableError):
        recorder.Arena(blocks, 831)
    arena = recorder.Arena(blocks, 832)
    place = recorder.Place(None, 1, 8, (5, 2), (16, 8), numpy.dtype("float64"))
    x = arena.view(place)
    assert (x.shape, x.strides) == ((5, 2), (16, 8))
    assert (x.ctypes.data - 8) % memory.ALIGNED == 0
    assert x.ctypes.data - arena.memory.ctypes.data == 640 + 8


def test_calls_that_use_a_block(listener: Any) -> None:
    y = recording.copied(numpy.empty(4), listener.given[0])
    whole = numpy.empty(8)
    first, second = whole[:4], whole[4:]
    recording.copied(first, y)
    recording.copied(second, first)
    del y
    listener.written(second)
    used = [(block.bytes, block.first, block.last) for block in listener.blocks]
    assert used == [(32, 0, 1), (64, 1, 3)]  # a result is needed after the last call
