"""Batches that are copied to a CUDA device while it computes.

Each batch is copied into pinned memory of the host, and from there on a stream of its own to the
device, where the stream of the step waits for it. Two buffers take turns. One is filled again when
its last copy is done on the host's side, and its last batch has been used on the device's.

Written against CuPy's interface and run on a stand-in by the tests; no GPU has seen it.
"""

from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any

import numpy


def uploaded(cupy: Any, device: Any, batches: Iterable[numpy.ndarray]) -> Iterator[Any]:
    """Yield each batch on the device; it is valid until the next is asked for.

    batches: arrays of the host, of one dtype; none is larger than the first.
    """
    with device:
        stream = cupy.cuda.Stream(non_blocking=True)  # any other waits for the default stream
    buffers: Iterator[_Buffer] | None = None
    try:
        for batch in batches:
            with device:
                if buffers is None:
                    buffers = cycle([_Buffer(cupy, batch, stream) for _ in range(2)])
                buffer = next(buffers)
                x = buffer.filled(batch)
            yield x
            with device:
                buffer.used.record()
    finally:
        with device:
            stream.synchronize()  # pinned memory goes back to CuPy's pool


class _Buffer:
    """Memory for a batch, on the host and on the device.

    copied: recorded on the stream of copies after a copy.
    used: recorded on the current stream after all that reads the batch.
    """

    def __init__(self, cupy: Any, like: numpy.ndarray, stream: Any) -> None:
        pinned = cupy.cuda.alloc_pinned_memory(like.nbytes)
        self.host = numpy.ndarray(like.shape, like.dtype, pinned)
        self.on_device = cupy.empty(like.shape, dtype=like.dtype)
        self.stream, self.current = stream, cupy.cuda.get_current_stream
        self.copied, self.used = (cupy.cuda.Event(disable_timing=True) for _ in range(2))
        self.used.record()  # memory of CuPy's pool may still be read by work of the current stream

    def filled(self, batch: numpy.ndarray) -> Any:
        """Start the copy of a batch, and let the current stream wait for it."""
        count = len(batch)
        self.copied.synchronize()
        self.host[:count] = batch
        self.stream.wait_event(self.used)
        x = self.on_device[:count]
        x.set(self.host[:count], stream=self.stream)
        self.copied.record(self.stream)
        self.current().wait_event(self.copied)
        return x
