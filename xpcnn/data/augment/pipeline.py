"""From a list of augmentations to batches: draws their numbers and applies them in turn.

The numbers of a sample depend on (seed, epoch, sample) alone: not on the order of the samples, the
size of the batches or the backend. Those of pixels depend on (seed, step, position in the batch).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy

from xpcnn import ops, random
from xpcnn.backend import Backend
from xpcnn.batch_rows import Rows
from xpcnn.data.augment.base import Augmentation, Host, Mixing, PerPixel, PerSample, Turning
from xpcnn.data.augment.results import as_parameters, as_samples, check_draws
from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.types import Array, Shape, namespace

Batches: TypeAlias = Callable[..., tuple[Array, Array]]
"""From (samples, labels, place of the first in the order of the epoch, step, which rows of the
batch they are, by default all) to both, augmented."""


def checked(augment: Any) -> tuple[Augmentation, ...]:
    """Return a list of augmentations as a tuple.

    augment: a list or tuple of augmentations, such as [Flip(), Crop(4)].

    Raises:
        ConfigError: `augment` is not a list, or an entry is not an augmentation, or its draws are
            not counts by argument.
    """
    example = "augment=[Flip(), Crop(4)], of xpcnn.data.augment"
    if not isinstance(augment, list | tuple):
        message = f"augment is a {type(augment).__name__}, expected a list of augmentations"
        if isinstance(augment, str):
            example = f"augment={[name.strip() for name in augment.split(',')]}"
        raise ConfigError(hint(message, example))
    for i, item in enumerate(augment):
        if isinstance(item, type) or not isinstance(item, PerSample | PerPixel):
            got = item.__name__ if isinstance(item, type) else type(item).__name__
            kind = "the class" if isinstance(item, type) else "a"
            message = f"augment[{i}] is {kind} {got}, expected an augmentation"
            raise ConfigError(hint(message, example))
        check_draws(item, item.draws if isinstance(item, PerSample) else item.pixel_draws)
    return tuple(augment)


def is_of_xpcnn(item: Augmentation) -> bool:
    """Whether an augmentation is none of a user's own, which may decide by the numbers in arrays.

    item: the augmentation.
    """
    return type(item).__module__.startswith("xpcnn.data.augment.")


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
        drawn = self.drawn(epoch, order)

        def apply(
            x: Array, labels: Array, start: int, step: int, rows: Rows | None = None
        ) -> tuple[Array, Array]:
            own = tuple(p[start : start + x.shape[0], ...] for p in drawn)
            return self.apply(x, labels, own, step, rows)

        return apply

    def drawn(self, epoch: int, order: numpy.ndarray) -> tuple[Array, ...]:
        """Return the numbers of the samples of an epoch, in its order: on the device (n, k), for
        each augmentation that draws for samples; arguments as in `epoch`.
        """
        return tuple(
            self._parameters(name, item, epoch, order)
            for name, item in self._named()
            if isinstance(item, PerSample)
        )

    def apply(
        self,
        x: Array,
        labels: Array,
        drawn: Sequence[Array],
        step: int | Array,
        rows: Rows | None = None,
    ) -> tuple[Array, Array]:
        """Return the samples and labels of a batch, augmented.

        drawn: the rows of these samples of each array of `drawn`; step, rows: as in `Batches`.
        """
        left = iter(drawn)
        for name, item, kind in self._kinds:
            if kind is not PerPixel:
                own = next(left)
                if kind is Mixing:
                    if labels.ndim == 1:
                        labels = ops.one_hot(labels, outputs=self.outputs, dtype=x.dtype)
                    labels = item.mix(labels, own)
                x = as_samples(item, item.apply(x, own), x)
            else:
                pixels = self._pixels(name, item, x.shape, step, rows)
                x = as_samples(item, item.apply(x, pixels), x)
        return x, labels

    @property
    def reach(self) -> int:
        """How many samples before a sample, in a ring of the batch, are mixed into it."""
        return sum(isinstance(item, Mixing) for item in self.augmentations)

    @cached_property
    def _kinds(self) -> list[tuple[str, Any, type]]:
        """Each augmentation with its name and protocol, which takes Python 10 microseconds."""
        kinds = (Mixing, PerSample, PerPixel)
        return [
            (name, item, next(kind for kind in kinds if isinstance(item, kind)))
            for name, item in self._named()
        ]

    def _named(self) -> Iterator[tuple[str, Augmentation]]:
        """Yield (name, augmentation); the second flip is called flip-2."""
        names: list[str] = []
        for item in self.augmentations:
            name = type(item).__name__.lower()
            names.append(name)
            count = names.count(name)
            yield (name if count == 1 else f"{name}-{count}"), item

    def _parameters(self, name: str, item: PerSample, epoch: int, order: numpy.ndarray) -> Array:
        samples = int(order.max(initial=-1)) + 1
        drawn_in = 1 if isinstance(item, Turning) else epoch
        u = [
            random.uniform(self._key(name, argument), drawn_in, (samples, draws))
            for argument, draws in item.draws.items()
        ]
        host: Host = numpy.concatenate(u, axis=1, dtype=numpy.float64)
        if isinstance(item, Turning):
            host = (host + item.turns * (epoch - 1)) % 1.0
        parameters = as_parameters(item, item.parameters(host, self.shape), samples)
        return self.backend.from_host(parameters[order].astype(self.dtype))

    def _pixels(
        self, name: str, item: PerPixel, size: Shape, step: int | Array, rows: Rows | None
    ) -> Array:
        """Return the uniforms of the pixels of samples of shape `size`."""
        ((argument, draws),) = item.pixel_draws.items()
        shape = (*size[1:], draws)
        spans = [(0, size[0])] if rows is None else rows.spans()
        u = [
            self.backend.uniform(
                self._key(name, argument), step, (count, *shape), first * math.prod(shape)
            )
            for first, count in spans
        ]
        return u[0] if len(u) == 1 else namespace(u[0]).concat(u)

    def _key(self, name: str, argument: str) -> int:
        return random.key(self.seed, f"augment/{name}/{argument}")
