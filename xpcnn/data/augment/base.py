"""What an augmentation is. The random numbers of samples are drawn on the host, once an epoch.

For every epoch `parameters` turns uniforms of (seed, epoch, sample) into a few numbers per sample;
they go to the device, where `apply` uses them: arithmetic without sines, logarithms and sums in an
order of the library's choice, so that every array library makes the same bits of a sample in any
batch. Sizes: n samples of c channels, h rows, w columns; k numbers per sample.
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy
from numpy.typing import NDArray

from xpcnn.types import Array, Shape, namespace

Host: TypeAlias = NDArray[numpy.float64]

Draws: TypeAlias = Mapping[str, int]
"""How many uniforms are drawn, by the name of the argument that they are for."""


@runtime_checkable
class Augmentation(Protocol):
    """A change of normalised samples (n, c, h, w): a frozen dataclass of options."""

    def apply(self, x: Array, p: Array, /) -> Array:
        """Return changed samples, of the shape and dtype of x; no array is written into.

        x: normalised samples (n, c, h, w) on the device.
        p: random numbers for these samples, see `PerSample` and `PerPixel`.
        """
        ...


@runtime_checkable
class PerSample(Augmentation, Protocol):
    """Draws uniforms for each sample of an epoch. The p of `apply` is (n, k), of the dtype of x."""

    @property
    def draws(self) -> Draws:
        """How many uniforms are drawn for a sample, by argument."""
        ...

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return p (n, k), computed row by row on the host.

        u: uniforms in [0, 1), float32 (n, draws).
        shape: shape of a sample, (c, h, w).
        """
        ...


@runtime_checkable
class Turning(PerSample, Protocol):
    """Draws for each sample once in a run; every epoch adds `turns` to the uniforms, modulo 1."""

    turns: ClassVar[float]


@runtime_checkable
class Mixing(PerSample, Protocol):
    """Mixes each sample with the one before it in the batch, the first with the last."""

    def mix(self, labels: Array, p: Array) -> Array:
        """Return labels mixed as the samples are: probabilities of the classes (n, outputs).

        labels: probabilities of the classes (n, outputs).
        p: the numbers (n, k) of `apply`.
        """
        ...


@runtime_checkable
class PerPixel(Augmentation, Protocol):
    """Draws uniforms for each pixel of a step. The p of `apply` is (n, c, h, w, draws), float32."""

    pixel_draws: ClassVar[Draws]


def around(middle: float, by: float, u: Host) -> Host:
    """Return numbers in [middle - by, middle + by)."""
    return middle + by * (2.0 * u - 1.0)


def integers(u: Host, bound: int | Host) -> Host:
    """Return whole numbers in [0, bound): exact, as u has 24 bits."""
    return numpy.floor(u * bound)


def proportions(area: Host, ratio: float, u: Host, h: float, w: float) -> tuple[Host, Host]:
    """Return the sides of boxes with a share `area` of (h, w), each at most as long as that.

    Their height by width is r, or r h/w in proportion, from 1/ratio to ratio: r = ratio^(2u - 1).
    """
    root = numpy.sqrt(ratio ** (2.0 * u - 1.0))
    side = numpy.sqrt(area * h * w)
    return numpy.minimum(side * root, h), numpy.minimum(side / root, w)


def per_sample(x: Array, p: Array, k: int) -> Array:
    """Return the k-th number of each sample, to compute with x: (n, 1, 1, 1)."""
    return namespace(x).reshape(p[:, k], (x.shape[0], 1, 1, 1))
