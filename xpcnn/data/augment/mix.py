"""Augmentations that mix two samples and their labels, which become probabilities of classes.

The other sample is the one before in the batch, a random one, as the order of an epoch is random.
The weight λ of the sample itself is drawn from the distribution Beta(alpha, alpha): uniform for
alpha = 1, mostly near 0 and 1 for a small alpha.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host, integers, per_sample
from xpcnn.data.augment.sampling import box
from xpcnn.options import POSITIVE, check
from xpcnn.types import Array, Shape, namespace


@dataclass(frozen=True)
class Mixup:
    """Blend each sample with another one of its batch: λ x + (1 - λ) x', and the labels likewise.

    λ is drawn for each sample from the distribution Beta(alpha, alpha).
    Source: Zhang et al., "mixup: Beyond empirical risk minimization", 2018.

    alpha: above 0; the smaller, the closer most λ are to 0 or 1.
    """

    alpha: float = 0.2

    draws: ClassVar[Draws] = {"alpha": 2}

    def __post_init__(self) -> None:
        check(self, alpha=POSITIVE)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 1): λ."""
        return _beta(self.alpha, u)[:, None]

    def apply(self, x: Array, p: Array) -> Array:
        return _blend(x, per_sample(x, p, 0))

    def mix(self, labels: Array, p: Array) -> Array:
        return _blend(labels, p[:, :1])


@dataclass(frozen=True)
class CutMix:
    """Replace a box of each sample by that of another in its batch; labels are mixed by area.

    The box has the share 1 - λ of the area, the proportions of the sample, and a random pixel as
    its centre; λ is drawn from Beta(alpha, alpha). Where the border cuts off a part of the box, λ
    becomes the share of the sample that is left.
    Source: Yun et al., "CutMix", 2019.

    alpha: above 0; the smaller, the closer most λ are to 0 or 1.
    """

    alpha: float = 1.0

    draws: ClassVar[Draws] = {"alpha": 2, "middle": 2}

    def __post_init__(self) -> None:
        check(self, alpha=POSITIVE)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 5): the box [top, bottom) x [left, right), and λ."""
        _, h, w = shape
        side = numpy.sqrt(1.0 - _beta(self.alpha, u))
        top, bottom = _span(side, u[:, 2], h)
        left, right = _span(side, u[:, 3], w)
        kept = 1.0 - (bottom - top) * (right - left) / (h * w)
        return numpy.stack([top, bottom, left, right, kept], axis=1)

    def apply(self, x: Array, p: Array) -> Array:
        xp = namespace(x)
        inside = box(x, p[:, 0], p[:, 1], p[:, 2], p[:, 3])
        return xp.where(inside, xp.roll(x, 1, axis=0), x)

    def mix(self, labels: Array, p: Array) -> Array:
        return _blend(labels, p[:, 4:])


def _blend(x: Array, part: Array) -> Array:
    """Return part x + (1 - part) x', x' the rows of x, each in the place of the next."""
    return part * x + (1.0 - part) * namespace(x).roll(x, 1, axis=0)


def _span(side: Host, u: Host, size: int) -> tuple[Host, Host]:
    """Return begin and end of a stretch of `side` of the size, within it, its middle at u."""
    length = numpy.floor(side * size)
    begin = integers(u, size) - numpy.floor(length / 2)
    return numpy.maximum(begin, 0), numpy.minimum(begin + length, size)


def _beta(alpha: float, u: Host) -> Host:
    """Return numbers of the distribution Beta(alpha, alpha), of two uniforms each: (n,).

        ½ + ½ c sqrt((1 - v) / (v + (1 - v) c²))      v = (1 - u)^(1/alpha), c = cos(2 pi u')

    Source: Devroye, "Random variate generation in one line of code", 1996; after Bailey's polar
    method for Student's t, 1994.
    """
    v = (1.0 - u[:, 0]) ** (1.0 / alpha)
    c = numpy.cos(2.0 * math.pi * u[:, 1])
    values = 0.5 + 0.5 * c * numpy.sqrt((1.0 - v) / (v + (1.0 - v) * c * c))
    return numpy.clip(values, 0.0, 1.0)  # rounding leads out
