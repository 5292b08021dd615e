"""Samples on the device, batch by batch: raw values, normalised when a batch is made."""

from collections.abc import Iterator

from xpcnn import ops
from xpcnn.types import Array, namespace


class Samples:
    """Raw samples (n, ...) and their labels on the device, with mean and std to normalise by.

    mean, std: (c,), of the dtype in which the model computes.
    """

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

        order: indices of the samples, all or some; None for all in their order.
        """
        n = len(self) if order is None else int(order.shape[0])
        for start in range(0, n, size):
            stop = min(start + size, n)  # the array API leaves a stop beyond the end undefined
            if order is None:
                raw = self.raw[start:stop, ...]
                labels = None if self.labels is None else self.labels[start:stop, ...]
            else:
                xp = namespace(self.raw)
                chosen = order[start:stop]
                raw = xp.take(self.raw, chosen, axis=0)
                labels = None if self.labels is None else xp.take(self.labels, chosen, axis=0)
            yield ops.normalise(raw, self.mean, self.std), labels
