"""Cutout: samples with a hole."""

from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host, integers
from xpcnn.data.augment.sampling import box
from xpcnn.options import COUNT, check
from xpcnn.types import Array, Shape, namespace


@dataclass(frozen=True)
class Cutout:
    """Set a square of each sample to 0; its centre is a random pixel, so it may be cut off.

    size: side of the square in pixels, at least 1.

    Source: DeVries and Taylor, "Improved regularization of convolutional neural networks with
    cutout", 2017.
    """

    size: int = 8

    draws: ClassVar[Draws] = {"size": 2}

    def __post_init__(self) -> None:
        check(self, size=COUNT)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 4): first row, row after the last, first column, column after the last."""
        _, h, w = shape
        top = integers(u[:, 0], h) - self.size // 2
        left = integers(u[:, 1], w) - self.size // 2
        return numpy.stack([top, top + self.size, left, left + self.size], axis=1)

    def apply(self, x: Array, p: Array) -> Array:
        hole = box(x, p[:, 0], p[:, 1], p[:, 2], p[:, 3])
        return namespace(x).where(hole, 0.0, x)
