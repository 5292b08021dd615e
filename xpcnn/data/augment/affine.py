"""Augmentations that rotate, scale, shear and shift samples, all by one affine map.

A point at (row, column) from the middle of the sample, rows downwards, is carried to

    s R K (row, column) + shift      R = [[cos a, -sin a], [sin a, cos a]]      K = [[1, 0], [t, 1]]

by the scale s > 0, the angle a (counter-clockwise as seen) and the shear t, the tangent of a second
angle. A pixel of the result is interpolated from the sample at the position that is carried to it.
So the parameters are the inverse of the map, six numbers:

    row = m00 row' + m01 column' + o0      column = m10 row' + m11 column' + o1
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host, around
from xpcnn.ops import affine
from xpcnn.options import FRACTION, NON_NEGATIVE, Range, check
from xpcnn.types import Array, Shape

TURN: Range = (0.0, 360.0)
SLANT: Range = (0.0, 90.0)


@dataclass(frozen=True)
class Shift:
    """Shift samples by a random distance, interpolated between pixels.

    pixels: largest distance in each of the four directions, in pixels, at least 0; uniform.
    """

    pixels: float = 2.0

    draws: ClassVar[Draws] = {"pixels": 2}

    def __post_init__(self) -> None:
        check(self, pixels=NON_NEGATIVE)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 6), the inverse map."""
        shift = around(0.0, self.pixels, u)
        return _inverse(rows=shift[:, 0], columns=shift[:, 1])

    def apply(self, x: Array, p: Array) -> Array:
        return affine(x, p)


@dataclass(frozen=True)
class Rotate:
    """Rotate samples about their centre by a random angle.

    degrees: largest angle in either direction, in [0, 360); uniform.
    """

    degrees: float = 10.0

    draws: ClassVar[Draws] = {"degrees": 1}

    def __post_init__(self) -> None:
        check(self, degrees=TURN)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 6), the inverse map."""
        return _inverse(degrees=around(0.0, self.degrees, u[:, 0]))

    def apply(self, x: Array, p: Array) -> Array:
        return affine(x, p)


@dataclass(frozen=True)
class Scale:
    """Scale samples about their centre by a random factor.

    by: the factor is uniform in [1 - by, 1 + by); in [0, 1).
    """

    by: float = 0.1

    draws: ClassVar[Draws] = {"by": 1}

    def __post_init__(self) -> None:
        check(self, by=FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 6), the inverse map."""
        return _inverse(scale=around(1.0, self.by, u[:, 0]))

    def apply(self, x: Array, p: Array) -> Array:
        return affine(x, p)


@dataclass(frozen=True)
class Affine:
    """Rotate, scale, shear and shift samples in one step, which interpolates only once.

    degrees: largest angle of rotation in either direction, in [0, 360).
    scale: the factor of size is uniform in [1 - scale, 1 + scale); in [0, 1).
    shear: largest slant of the columns in either direction, in degrees, in [0, 90).
    shift: largest distance in each of the four directions, in pixels, at least 0.
    """

    degrees: float = 10.0
    scale: float = 0.1
    shear: float = 0.0
    shift: float = 2.0

    draws: ClassVar[Draws] = {"degrees": 1, "scale": 1, "shear": 1, "shift": 2}

    def __post_init__(self) -> None:
        check(self, degrees=TURN, scale=FRACTION, shear=SLANT, shift=NON_NEGATIVE)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 6), the inverse map."""
        return _inverse(
            degrees=around(0.0, self.degrees, u[:, 0]),
            scale=around(1.0, self.scale, u[:, 1]),
            shear=around(0.0, self.shear, u[:, 2]),
            rows=around(0.0, self.shift, u[:, 3]),
            columns=around(0.0, self.shift, u[:, 4]),
        )

    def apply(self, x: Array, p: Array) -> Array:
        return affine(x, p)


_ZERO, _ONE = numpy.zeros(1), numpy.ones(1)


def _inverse(
    degrees: Host = _ZERO,
    scale: Host = _ONE,
    shear: Host = _ZERO,
    rows: Host = _ZERO,
    columns: Host = _ZERO,
) -> Host:
    """Return (m00, m01, m10, m11, o0, o1) of each sample: (n, 6).

    M = K⁻¹ Rᵀ / s and o = -M shift.
    """
    cos, sin = numpy.cos(numpy.radians(degrees)), numpy.sin(numpy.radians(degrees))
    t = numpy.tan(numpy.radians(shear))
    m00, m01 = cos / scale, sin / scale
    m10, m11 = -(sin + t * cos) / scale, (cos - t * sin) / scale
    o0, o1 = -(m00 * rows + m01 * columns), -(m10 * rows + m11 * columns)
    return numpy.stack(numpy.broadcast_arrays(m00, m01, m10, m11, o0, o1), axis=1)
