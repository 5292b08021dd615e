"""Augmentations that move whole pixels: mirror images and crops. No value is computed."""

from dataclasses import dataclass
from typing import ClassVar

from xpcnn.data.augment.base import Draws, Host, integers
from xpcnn.ops import mirrored, shifted
from xpcnn.options import CLOSED_FRACTION, COUNT, check
from xpcnn.types import Array, Shape


@dataclass(frozen=True)
class Flip:
    """Mirror some samples, left to right or upside down.

    horizontal: probability of mirroring left to right, in [0, 1].
    vertical: probability of mirroring upside down, in [0, 1].
    """

    horizontal: float = 0.5
    vertical: float = 0.0

    draws: ClassVar[Draws] = {"horizontal": 1, "vertical": 1}

    def __post_init__(self) -> None:
        check(self, horizontal=CLOSED_FRACTION, vertical=CLOSED_FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 2): 1 to mirror left to right, 1 to mirror upside down."""
        return (u < (self.horizontal, self.vertical)).astype(u.dtype)

    def apply(self, x: Array, p: Array) -> Array:
        if self.horizontal > 0:
            x = mirrored(x, p[:, 0], axis=3)
        if self.vertical > 0:
            x = mirrored(x, p[:, 1], axis=2)
        return x


@dataclass(frozen=True)
class AlternatingFlip:
    """Mirror half of the samples left to right in the first epoch, and in each further epoch those
    that were not mirrored in the one before.

    Of two successive epochs, each sample is seen once as it is and once mirrored. Source: Jordan,
    "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.6.
    """

    draws: ClassVar[Draws] = {"horizontal": 1}
    turns: ClassVar[float] = 0.5

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 1): 1 to mirror."""
        return (u < 0.5).astype(u.dtype)

    def apply(self, x: Array, p: Array) -> Array:
        return mirrored(x, p[:, 0], axis=3)


@dataclass(frozen=True)
class Crop:
    """Pad samples by zeros and crop them to their size at a random position.

    pad: pixels of 0 on every side, at least 1.
    """

    pad: int = 4

    draws: ClassVar[Draws] = {"pad": 2}

    def __post_init__(self) -> None:
        check(self, pad=COUNT)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 2): the pixel of the sample that comes to lie in the corner, row and column.

        Whole numbers from -pad to pad.
        """
        return integers(u, 2 * self.pad + 1) - self.pad

    def apply(self, x: Array, p: Array) -> Array:
        return shifted(x, p)
