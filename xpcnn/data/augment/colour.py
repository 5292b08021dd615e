"""Augmentations of brightness, contrast and saturation.

Values are normalised: 1 is the standard deviation of a channel over the training data.
"""

from dataclasses import dataclass
from typing import ClassVar

from xpcnn.data.augment.base import Draws, Host, around, per_sample
from xpcnn.options import FRACTION, NON_NEGATIVE, check
from xpcnn.types import Array, Shape, namespace


@dataclass(frozen=True)
class Brightness:
    """Add up to `by` standard deviations, or take as much away: y = x + d, |d| <= by."""

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
    """Spread each channel about its mean m in the sample: y = m + f (x - m), |f - 1| <= by."""

    by: float = 0.2

    draws: ClassVar[Draws] = {"by": 1}

    def __post_init__(self) -> None:
        check(self, by=FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 1): the factor."""
        return around(1.0, self.by, u)

    def apply(self, x: Array, p: Array) -> Array:
        xp = namespace(x)
        n, c, h, w = x.shape
        mean = xp.reshape(_mean(xp.reshape(x, (n, c, h * w)), axis=2), (n, c, 1, 1))
        return mean + per_sample(x, p, 0) * (x - mean)


@dataclass(frozen=True)
class Saturation:
    """Spread the channels about their mean g at the pixel: y = g + f (x - g), |f - 1| <= by.

    Samples of one channel stay as they are.
    """

    by: float = 0.2

    draws: ClassVar[Draws] = {"by": 1}

    def __post_init__(self) -> None:
        check(self, by=FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 1): the factor."""
        return around(1.0, self.by, u)

    def apply(self, x: Array, p: Array) -> Array:
        grey = namespace(x).expand_dims(_mean(x, axis=1), axis=1)  # (n, 1, h, w)
        return grey + per_sample(x, p, 0) * (x - grey)


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
