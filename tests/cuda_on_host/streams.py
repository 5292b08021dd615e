"""Streams and events that stand for CuPy's: work that is out of order is seen.

The default stream works at once. A copy on another leaves poison where it goes until somebody has
waited for an event after it. These raise AssertionError: the default stream reads what a copy is
still writing; a copy begins where the default stream may still read; the host changes pinned memory
before it has waited for the copy from there.
"""

import threading
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy

from tests.cuda_on_host import capture

POISON = 0xFF  # four of these bytes are a NaN
clock = count(1)
uses: dict[int, list[Any]] = {}
"""By the id of memory: the memory, and when it was last used; None while it is copied into."""

in_flight: list["Copy"] = []
"""The copies that the host does not know to be done."""

COSTLY = ("conv", "conv_dx", "conv_dw", "im2col", "spread")
"""Kernels whose launches take time, so much that any engine of cuDNN is faster."""

device = SimpleNamespace(milliseconds=0.0, of_a_launch=dict.fromkeys(COSTLY, 90.0))
"""How long it has worked: by the stand-in for cuDNN, and for launches of some kernels."""

here = threading.local()
"""The current devices of this thread, the innermost last."""


def current_device() -> int:
    devices = getattr(here, "devices", [])
    return devices[-1] if devices else 0


class Copy:
    """A copy on the way: from pinned memory of the host to memory of the device."""

    def __init__(self, memory: numpy.ndarray, to: numpy.ndarray, source: numpy.ndarray) -> None:
        self.memory, self.to, self.source = memory, to, source
        self.sent: numpy.ndarray | None = source.copy()
        self.expected = source.tobytes()
        # those of its test: a copy that a test leaves behind may end in a later one
        self.uses, self.in_flight = uses, in_flight
        to.view(numpy.uint8)[...] = POISON
        self.uses[id(memory)] = [memory, None]
        self.in_flight.append(self)

    def arrive(self) -> None:
        """Write what was copied, once; from now on the device's arrays may be read."""
        if self.sent is not None:
            self.to[...], self.sent = self.sent, None
            self.uses[id(self.memory)] = [self.memory, next(clock)]

    def end(self) -> None:
        """The host has waited for it."""
        self.arrive()
        if self in self.in_flight:
            self.in_flight.remove(self)
            assert self.source.tobytes() == self.expected, "pinned memory changed during its copy"


def used(memory: numpy.ndarray | None) -> None:
    """Note that the default stream works on memory of the device."""
    if (known := uses.get(id(memory))) is not None:
        assert known[1] is not None, "an array is read before the end of its copy"
        known[1] = next(clock)


class Event:
    """Stands for cupy.cuda.Event."""

    def __init__(self, disable_timing: bool = False) -> None:
        self.takes_the_time = not disable_timing
        self.milliseconds = 0.0
        self.copies: list[Copy] = []
        self.time = 0  # all that the default stream did before this is done when the event is

    def record(self, stream: "Stream | None" = None) -> None:
        stream = stream or default
        self.copies = list(stream.copies)
        self.time = next(clock) if stream is default else stream.time
        self.milliseconds = device.milliseconds

    def synchronize(self) -> None:
        for copy in self.copies:
            copy.end()


def get_elapsed_time(start: Event, end: Event) -> float:
    assert all(event.takes_the_time for event in (start, end))
    return float(end.milliseconds - start.milliseconds)


class Stream:
    """Stands for cupy.cuda.Stream."""

    def __init__(self, non_blocking: bool) -> None:
        assert non_blocking, "a blocking stream does not work beside the default one"
        self.device = current_device()
        self.copies: list[Copy] = []
        self.time = 0  # all that the default stream did before this is done when new work begins

    ptr = 1

    def is_capturing(self) -> bool:
        return capture.is_on()

    def __enter__(self) -> "Stream":
        self.is_current = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_current = False

    def begin_capture(self) -> None:
        assert self is not default, "the default stream cannot be captured"
        assert self.is_current, "launches go to another stream"
        assert self.device == current_device(), "the stream belongs to another device"
        assert not capture.is_on()
        capture.here.notes = []

    def end_capture(self) -> capture.Graph:
        noted, capture.here.notes = capture.notes(), None
        assert noted is not None
        return capture.Graph(noted)

    def wait_event(self, event: Event) -> None:
        assert not event.takes_the_time, "such an event is slower"
        self.time = max(self.time, event.time)
        if self is default:
            for copy in event.copies:
                copy.arrive()

    def copy(self, memory: numpy.ndarray, to: numpy.ndarray, source: numpy.ndarray) -> None:
        assert self.device == current_device(), "the stream belongs to another device"
        last = uses.get(id(memory), [memory, 0])[1]
        assert last is not None, "two copies to one place, and no use between them"
        assert last < self.time, "a copy begins while its memory may be in use"
        self.copies.append(Copy(memory, to, source))

    def synchronize(self) -> None:
        for copy in self.copies:
            copy.end()


default = Stream(non_blocking=True)
