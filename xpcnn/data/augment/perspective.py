"""Perspective: samples as if seen from the side."""

from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host
from xpcnn.ops import bilinear
from xpcnn.ops.reference.sampling import grid
from xpcnn.options import FRACTION, check
from xpcnn.types import Array, Shape


@dataclass(frozen=True)
class Perspective:
    """Move the four corners of each sample inwards, each by a random distance of its own.

    A pixel (i, j) from the centre of the result is interpolated from the sample at

        row = (a i + b j + c) / (g i + k j + 1)      column = (d i + e j + f) / (g i + k j + 1)

    the one map of this form that carries the moved corners back to those of the sample. Pixels
    outside of the moved corners are 0.

    by: largest distance that a corner moves along a side, as a share of half the side; in [0, 1).
    """

    by: float = 0.3

    draws: ClassVar[Draws] = {"by": 8}

    def __post_init__(self) -> None:
        check(self, by=FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 8): a, b, c, d, e, f, g, k."""
        _, h, w = shape
        corners = numpy.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * [h / 2, w / 2]  # (4, 2)
        moved = corners * (1.0 - self.by * u.reshape(-1, 4, 2))  # (n, 4, 2)
        ij1 = numpy.concatenate([moved, numpy.ones((len(u), 4, 1))], axis=2)
        zeros = numpy.zeros_like(ij1)
        rows = numpy.concatenate([ij1, zeros, -corners[:, :1] * moved], axis=2)  # of each corner
        columns = numpy.concatenate([zeros, ij1, -corners[:, 1:] * moved], axis=2)
        system = numpy.concatenate([rows, columns], axis=1)  # (n, 8, 8)
        to = numpy.broadcast_to(corners.T.reshape(8, 1), (len(u), 8, 1))
        solved: Host = numpy.linalg.solve(system, to)[:, :, 0]
        return solved

    def apply(self, x: Array, p: Array) -> Array:
        _, _, h, w = x.shape
        rows, columns = grid(x)
        i, j = rows - (h - 1) / 2, columns - (w - 1) / 2  # from the middle
        a, b, c, d, e, f, g, k = (p[:, m] for m in range(8))
        depth = g * i + k * j + 1.0
        return bilinear(
            x,
            (a * i + b * j + c) / depth + (h - 1) / 2,
            (d * i + e * j + f) / depth + (w - 1) / 2,
        )
