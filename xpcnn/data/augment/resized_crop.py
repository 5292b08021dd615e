"""Resized crop: a part of each sample, resized to the size of the whole."""

from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host, proportions
from xpcnn.data.augment.erasing import FROM_ONE
from xpcnn.ops import bilinear
from xpcnn.ops.reference.sampling import grid
from xpcnn.options import CLOSED_FRACTION, Range, check
from xpcnn.types import Array, Shape, namespace

SHARE: Range = (1e-6, CLOSED_FRACTION[1])


@dataclass(frozen=True)
class ResizedCrop:
    """Crop a random box of each sample and resize it to the size of the sample.

    Pixels are interpolated; beyond the border, the outermost pixel is repeated.

    smallest: smallest share of the area of the sample, above 0, at most 1; uniform from it to 1.
    ratio: height / width of the box, relative to the sample, is drawn from 1/ratio to ratio,
        uniform in its logarithm; at least 1. Sides are limited to those of the sample.

    Source: Szegedy et al., "Going deeper with convolutions", 2015, section 6.
    """

    smallest: float = 0.25
    ratio: float = 4.0 / 3.0

    draws: ClassVar[Draws] = {"smallest": 1, "ratio": 1, "place": 2}

    def __post_init__(self) -> None:
        check(self, smallest=SHARE, ratio=FROM_ONE)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 4): rows of the box for each of the sample, its first row; columns likewise.

        Pixel i of h lies at (i + ½)/h of the side.
        """
        _, h, w = shape
        area = self.smallest + (1.0 - self.smallest) * u[:, 0]
        rows, columns = proportions(area, self.ratio, u[:, 1], 1.0, 1.0)
        top, left = (h * (1.0 - rows) * u[:, 2], w * (1.0 - columns) * u[:, 3])
        return numpy.stack(
            [rows, top + 0.5 * rows - 0.5, columns, left + 0.5 * columns - 0.5], axis=1
        )

    def apply(self, x: Array, p: Array) -> Array:
        _, _, h, w = x.shape
        i, j = grid(x)
        rows = _within(p[:, 0] * i + p[:, 1], h)
        columns = _within(p[:, 2] * j + p[:, 3], w)
        xp = namespace(x)
        return bilinear(x, *xp.broadcast_arrays(rows, columns))


def _within(places: Array, size: int) -> Array:
    """Return the nearest places between the first and the last pixel."""
    xp = namespace(places)
    first, last = xp.zeros_like(places), xp.full_like(places, size - 1.0)
    return xp.minimum(xp.maximum(places, first), last)
