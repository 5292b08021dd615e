"""Erasing: samples with a rectangle set to 0."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host, integers, proportions
from xpcnn.data.augment.sampling import box
from xpcnn.errors import ConfigError, hint
from xpcnn.options import CLOSED_FRACTION, FRACTION, Range, check
from xpcnn.types import Array, Shape, namespace

FROM_ONE: Range = (1.0, math.inf)


@dataclass(frozen=True)
class Erasing:
    """Set a rectangle within the sample to 0, in some samples.

    probability: probability that a sample is changed, in [0, 1].
    smallest, largest: bounds of the share of the area that is erased, in [0, 1); uniform.
    ratio: height / width of the rectangle is drawn from 1/ratio to ratio, uniform in its logarithm;
        at least 1. Sides are limited to those of the sample.

    Source: Zhong et al., "Random erasing data augmentation", 2020; 0 is the mean of a channel.
    """

    probability: float = 0.5
    smallest: float = 0.02
    largest: float = 0.33
    ratio: float = 3.3

    draws: ClassVar[Draws] = {"probability": 1, "largest": 1, "ratio": 1, "place": 2}

    def __post_init__(self) -> None:
        check(
            self, probability=CLOSED_FRACTION, smallest=FRACTION, largest=FRACTION, ratio=FROM_ONE
        )
        if self.smallest > self.largest:
            message = f"Erasing: smallest is {self.smallest:g}, above largest, {self.largest:g}"
            raise ConfigError(hint(message, "Erasing(smallest=0.02, largest=0.33)"))

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 4): first row, row after the last, first column, column after the last."""
        _, h, w = shape
        area = self.smallest + (self.largest - self.smallest) * u[:, 1]
        rows, columns = proportions(area, self.ratio, u[:, 2], h, w)
        rows = numpy.where(u[:, 0] < self.probability, numpy.round(rows), 0.0)
        columns = numpy.round(columns)
        top = integers(u[:, 3], h - rows + 1)
        left = integers(u[:, 4], w - columns + 1)
        return numpy.stack([top, top + rows, left, left + columns], axis=1)

    def apply(self, x: Array, p: Array) -> Array:
        hole = box(x, p[:, 0], p[:, 1], p[:, 2], p[:, 3])
        return namespace(x).where(hole, 0.0, x)
