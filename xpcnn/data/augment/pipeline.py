"""From a list of augmentations to batches: draws their numbers and applies them in turn.

The numbers of a sample depend on (seed, epoch, sample) alone: not on the order of the samples, the
size of the batches or the backend. Those of pixels depend on (seed, step, position in the batch).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, TypeAlias

import numpy

from xpcnn import ops, random
from xpcnn.backend import Backend
from xpcnn.batch_rows import Rows
from xpcnn.data.augment.base import Augmentation, Host, Mixing, PerPixel, PerSample, Turning
from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.types import Array, Shape, namespace

Batches: TypeAlias = Callable[..., tuple[Array, Array]]
"""From (samples, labels, place of the first in the order of the epoch, step, which rows of the
batch they are, by default all) to both, augmented."""


def checked(augment: Any) -> tuple[Augmentation, ...]:
    """Return a list of augmentations as a tuple.

    augment: a list or tuple of augmentations, such as [Flip(), Crop(4)].

    Raises:
        ConfigError: `augment` is not a list, or an entry is not an augmentation.
    """
    example = "augment=[Flip(), Crop(4)], of xpcnn.data.augment"
    if not isinstance(augment, list | tuple):
        message = f"augment is a {type(augment).__name__}, expected a list of augmentations"
        raise ConfigError(hint(message, example))
    for i, item in enumerate(augment):
        if isinstance(item, type) or not isinstance(item, PerSample | PerPixel):
            got = item.__name__ if isinstance(item, type) else type(item).__name__
            kind = "the class" if isinstance(item, type) else "a"
            message = f"augment[{i}] is {kind} {got}, expected an augmentation"
            raise ConfigError(hint(message, example))
    return tuple(augment)


@dataclass(frozen=True)
class Augmenter:
    """Draws and applies augmentations.

    augmentations: the augmentations, in the order in which they are applied.
    backend: the backend on which the samples are.
    seed: seed of the run.
    shape: shape of one sample, (c, h, w).
    outputs: number of outputs of the network, for labels that become probabilities.
    dtype: dtype in which the network computes, such as "float32".

    Raises:
        ShapeError: there are augmentations, and the samples are not images.
    """

    augmentations: Sequence[Augmentation]
    backend: Backend
    _: KW_ONLY
    seed: int
    shape: Shape
    outputs: int
    dtype: str

    def __post_init__(self) -> None:
        if self.augmentations and len(self.shape) != 3:
            message = f"augment: samples have shape {self.shape}, expected images (c, h, w)"
            raise ShapeError(hint(message, "augment=None"))

    def epoch(self, epoch: int, order: numpy.ndarray) -> Batches:
        """Draw for the samples of an epoch and return what augments its batches.

        Args:
            order: the samples' indices in the order of the epoch, on the host (n,). Of a process
                that reads some rows of each batch, the indices of those.
        """
        stages = [self._stage(name, item, epoch, order) for name, item in self._named()]

        def apply(
            x: Array, labels: Array, start: int, step: int, rows: Rows | None = None
        ) -> tuple[Array, Array]:
            for stage in stages:
                x, labels = stage(x, labels, start, step, rows)
            return x, labels

        return apply

    @property
    def reach(self) -> int:
        """How many samples before a sample, in a ring of the batch, are mixed into it."""
        return sum(isinstance(item, Mixing) for item in self.augmentations)

    def _named(self) -> Iterator[tuple[str, Augmentation]]:
        """Yield (name, augmentation); the second flip is called flip-2."""
        names: list[str] = []
        for item in self.augmentations:
            name = type(item).__name__.lower()
            names.append(name)
            count = names.count(name)
            yield (name if count == 1 else f"{name}-{count}"), item

    def _stage(self, name: str, item: Augmentation, epoch: int, order: numpy.ndarray) -> Batches:
        if isinstance(item, PerSample):
            return self._samples(name, item, epoch, order)
        assert isinstance(item, PerPixel)
        return self._pixels(name, item)

    def _samples(self, name: str, item: PerSample, epoch: int, order: numpy.ndarray) -> Batches:
        samples = int(order.max(initial=-1)) + 1
        drawn_in = 1 if isinstance(item, Turning) else epoch
        u = [
            random.uniform(self._key(name, argument), drawn_in, (samples, draws))
            for argument, draws in item.draws.items()
        ]
        host: Host = numpy.concatenate(u, axis=1, dtype=numpy.float64)
        if isinstance(item, Turning):
            host = (host + item.turns * (epoch - 1)) % 1.0
        parameters = item.parameters(host, self.shape)[order]
        p = self.backend.from_host(parameters.astype(self.dtype))

        def apply(
            x: Array, labels: Array, start: int, step: int, rows: Rows | None
        ) -> tuple[Array, Array]:
            own = p[start : start + x.shape[0], ...]
            if isinstance(item, Mixing):
                if labels.ndim == 1:
                    labels = ops.one_hot(labels, outputs=self.outputs, dtype=x.dtype)
                labels = item.mix(labels, own)
            return item.apply(x, own), labels

        return apply

    def _pixels(self, name: str, item: PerPixel) -> Batches:
        ((argument, draws),) = item.pixel_draws.items()
        key = self._key(name, argument)

        def apply(
            x: Array, labels: Array, start: int, step: int, rows: Rows | None
        ) -> tuple[Array, Array]:
            shape = (*x.shape[1:], draws)
            spans = [(0, x.shape[0])] if rows is None else rows.spans()
            u = [
                self.backend.uniform(key, step, (count, *shape), first * math.prod(shape))
                for first, count in spans
            ]
            return item.apply(x, u[0] if len(u) == 1 else namespace(x).concat(u)), labels

        return apply

    def _key(self, name: str, argument: str) -> int:
        return random.key(self.seed, f"augment/{name}/{argument}")
