"""Augmentations of brightness, contrast, saturation and hue.

Values are normalised: 1 is the standard deviation of a channel over the training data.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host, around, per_sample
from xpcnn.options import FRACTION, NON_NEGATIVE, Range, check
from xpcnn.types import Array, Shape, namespace

HALF_TURN: Range = (0.0, 180.0)


@dataclass(frozen=True)
class Brightness:
    """Change the brightness of samples: y = x + d, with one random d per sample.

    by: largest |d|, in standard deviations of the training data, at least 0; uniform.
    """

    by: float = 0.2

    draws: ClassVar[Draws] = {"by": 1}

    def __post_init__(self) -> None:
        check(self, by=NON_NEGATIVE)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 1): what is added."""
        return around(0.0, self.by, u)

    def apply(self, x: Array, p: Array) -> Array:
        return x + per_sample(x, p, 0)


@dataclass(frozen=True)
class Contrast:
    """Change the contrast of samples: y = m + f (x - m), m the mean of the channel in the sample.

    by: f is uniform in [1 - by, 1 + by); in [0, 1).
    """

    by: float = 0.2

    draws: ClassVar[Draws] = {"by": 1}

    def __post_init__(self) -> None:
        check(self, by=FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 1): the factor."""
        return around(1.0, self.by, u)

    def apply(self, x: Array, p: Array) -> Array:
        return spread_channels(x, per_sample(x, p, 0))


@dataclass(frozen=True)
class Saturation:
    """Change the saturation of samples: y = g + f (x - g), g the mean of the channels at the pixel.

    Samples of one channel stay as they are.

    by: f is uniform in [1 - by, 1 + by); in [0, 1).
    """

    by: float = 0.2

    draws: ClassVar[Draws] = {"by": 1}

    def __post_init__(self) -> None:
        check(self, by=FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 1): the factor."""
        return around(1.0, self.by, u)

    def apply(self, x: Array, p: Array) -> Array:
        return spread_colours(x, per_sample(x, p, 0))


@dataclass(frozen=True)
class Hue:
    """Change the hue of samples: rotate colours about the grey axis by a random angle.

    With c and s the cosine and sine of the angle, the channels of a pixel become

        y[k] = x[k] (1 + 2c)/3 + x[k+1] ((1 - c)/3 - s/√3) + x[k+2] ((1 - c)/3 + s/√3)

    counting on from the last channel to the first: a rotation, which keeps greys. Unlike the hue of
    raw colours (HSV) it is linear, and so has a meaning for normalised samples. Samples without
    three channels stay as they are.

    degrees: largest angle in either direction, in [0, 180); uniform.
    """

    degrees: float = 20.0

    draws: ClassVar[Draws] = {"degrees": 1}

    def __post_init__(self) -> None:
        check(self, degrees=HALF_TURN)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 3): the factors of a channel, the next and the one after."""
        angle = numpy.radians(around(0.0, self.degrees, u[:, 0]))
        cos, sin = numpy.cos(angle), numpy.sin(angle) / numpy.sqrt(3.0)
        rest = (1.0 - cos) / 3.0
        return numpy.stack([(1.0 + 2.0 * cos) / 3.0, rest - sin, rest + sin], axis=1)

    def apply(self, x: Array, p: Array) -> Array:
        if x.shape[1] != 3:
            return x
        xp = namespace(x)
        own, following, last = (per_sample(x, p, k) for k in range(3))
        return own * x + following * xp.roll(x, -1, axis=1) + last * xp.roll(x, -2, axis=1)


def spread_channels(x: Array, factor: Array) -> Array:
    """Return each channel m + f (x - m) about its mean m in the sample; factor (n, 1, 1, 1)."""
    xp = namespace(x)
    n, c, h, w = x.shape
    mean = xp.reshape(_mean(xp.reshape(x, (n, c, h * w)), axis=2), (n, c, 1, 1))
    return mean + factor * (x - mean)


def spread_colours(x: Array, factor: Array) -> Array:
    """Return the channels g + f (x - g) about their mean g at the pixel; factor (n, 1, 1, 1)."""
    grey = namespace(x).expand_dims(_mean(x, axis=1), axis=1)  # (n, 1, h, w)
    return grey + factor * (x - grey)


def _mean(x: Array, axis: int) -> Array:
    """Return the mean along an axis, added up by halves: in the same order on every library."""
    xp = namespace(x)
    size = x.shape[axis]
    total = xp.moveaxis(x, axis, 0)
    while total.shape[0] > 1:
        half = total.shape[0] // 2
        added = total[:half, ...] + total[half : 2 * half, ...]
        odd = total.shape[0] > 2 * half
        total = xp.concat([added, total[2 * half :, ...]], axis=0) if odd else added
    return total[0, ...] / size
