"""Blur: each pixel becomes a weighted mean of those around it."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host, per_sample
from xpcnn.options import POSITIVE, check
from xpcnn.types import Array, Shape, namespace

MOST_AT_ONCE = 3
"""Pixels by which a side grows at once: CuPy cannot join more than 8 arrays in a CUDA graph."""


@dataclass(frozen=True)
class Blur:
    """Blur samples by a Gaussian filter of random width σ.

    Pixels up to ⌈3 sigma⌉ away count, with weights proportional to exp(-k²/(2σ²)) at the distance
    k; beyond the border, the nearest pixel is repeated.

    sigma: largest σ in pixels, above 0; σ is uniform from 0 to sigma.
    """

    sigma: float = 1.0

    draws: ClassVar[Draws] = {"sigma": 1}

    def __post_init__(self) -> None:
        check(self, sigma=POSITIVE)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 1 + ⌈3 sigma⌉): the weight of the pixel itself, and of each distance."""
        k = numpy.arange(1 + math.ceil(3.0 * self.sigma))
        with numpy.errstate(divide="ignore", invalid="ignore", over="ignore"):
            bell = numpy.where(k == 0, 1.0, numpy.exp(-0.5 * (k / (self.sigma * u)) ** 2))
        weights: Host = bell / (2.0 * bell.sum(axis=1, keepdims=True) - 1.0)  # of both sides
        return weights

    def apply(self, x: Array, p: Array) -> Array:
        return smoothed(x, p)


def smoothed(x: Array, p: Array) -> Array:
    """Return samples (n, c, h, w) smoothed along rows and columns.

    p: (n, 1 + r), the weights of a pixel itself and of those 1, ..., r away on either side.
    """
    xp = namespace(x)
    r = p.shape[1] - 1
    for axis, size in ((2, x.shape[2]), (3, x.shape[3])):
        first = x[:, :, :1, :] if axis == 2 else x[:, :, :, :1]
        last = x[:, :, -1:, :] if axis == 2 else x[:, :, :, -1:]
        wide = x
        for done in range(0, r, MOST_AT_ONCE):
            times = min(MOST_AT_ONCE, r - done)
            wide = xp.concat([*[first] * times, wide, *[last] * times], axis=axis)

        def beside(k: int, wide: Array = wide, axis: int = axis, size: int = size) -> Array:
            start, stop = r + k, r + k + size
            return wide[:, :, start:stop, :] if axis == 2 else wide[:, :, :, start:stop]

        y = per_sample(x, p, 0) * x
        for k in range(1, r + 1):
            y = y + per_sample(x, p, k) * (beside(-k) + beside(k))
        x = y
    return x
