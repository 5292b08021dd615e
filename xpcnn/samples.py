"""Samples on the device, batch by batch: raw values, normalised when a batch is made.

`Samples` are all on the device; of `StoredSamples`, which stay on disk, each batch is moved there.
"""

from collections.abc import Iterator

from xpcnn import ops
from xpcnn.backend import Backend
from xpcnn.data.stored import Stored, in_order
from xpcnn.types import Array, Shape, namespace


class Samples:
    """Raw samples (n, ...) and their labels on the device, with mean and std to normalise by.

    mean, std: (c,), of the dtype in which the model computes.
    upload_ahead: whether batches are copied to the device while it computes, if a thread asks.
    on_device: whether the raw samples are on the device.
    """

    upload_ahead = False
    on_device = True

    def __init__(self, raw: Array, labels: Array | None, mean: Array, std: Array) -> None:
        self.raw = raw
        self.labels = labels
        self.mean = mean
        self.std = std

    def __len__(self) -> int:
        return int(self.raw.shape[0])

    def batches(
        self, size: int, order: Array | None = None
    ) -> Iterator[tuple[Array, Array | None]]:
        """Yield (normalised samples, labels), `size` at a time; the last batch may be smaller.

        order: indices of the samples, all or some, on the device; None for all in their order.
        """
        count = len(self) if order is None else int(order.shape[0])
        for i, raw in enumerate(self._raw_batches(size, order)):
            start = i * size
            stop = min(start + size, count)  # the array API leaves a stop beyond the end undefined
            labels = None if self.labels is None else _taken(self.labels, start, stop, order)
            yield ops.normalise(raw, self.mean, self.std), labels

    def batch(self, rows: Array) -> tuple[Array, Array]:
        """Return the normalised samples and the labels of some rows, which are on the device."""
        take = namespace(rows).take
        raw, labels = (take(x, rows, axis=0) for x in (self.raw, self.labels))
        return ops.normalise(raw, self.mean, self.std), labels

    def _raw_batches(self, size: int, order: Array | None) -> Iterator[Array]:
        """Yield the raw samples of each batch; arguments as in `batches`."""
        count = len(self) if order is None else int(order.shape[0])
        for start in range(0, count, size):
            yield _taken(self.raw, start, min(start + size, count), order)


class StoredSamples(Samples):
    """Raw samples on disk, and their labels on the device.

    raw: images (n, c, h, w).
    shape: of a sample as the network takes it.
    labels, mean, std: as in `Samples`.
    """

    on_device = False

    def __init__(
        self,
        raw: Stored,
        labels: Array | None,
        mean: Array,
        std: Array,
        shape: Shape,
        backend: Backend,
    ) -> None:
        super().__init__(raw, labels, mean, std)
        self.shape, self.backend = shape, backend
        self.upload_ahead = backend.uploads_ahead

    def _raw_batches(self, size: int, order: Array | None) -> Iterator[Array]:
        wanted = in_order(len(self), size)
        if order is not None:
            rows = self.backend.to_host(order)
            wanted = (rows[start : start + size] for start in range(0, len(rows), size))
        images = self.raw.batches(wanted)
        yield from self.backend.uploaded(x.reshape(len(x), *self.shape) for x in images)


def _taken(x: Array, start: int, stop: int, order: Array | None) -> Array:
    """Return rows `start` to `stop`: of x, or of x in an order."""
    if order is None:
        return x[start:stop, ...]
    return namespace(x).take(x, order[start:stop], axis=0)
