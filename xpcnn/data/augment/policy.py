"""Policies: operations that are drawn for each sample from a list.

All that an operation needs are numbers: an affine map, what is added, and factors about the mean of
a channel, the mean of the channels, and the smoothed sample. An operation that is not drawn has the
numbers that change nothing, so that a batch takes one pass for all of them.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy

from xpcnn.data.augment.base import Draws, Host, integers, per_sample
from xpcnn.data.augment.blur import smoothed
from xpcnn.data.augment.colour import spread_channels, spread_colours
from xpcnn.ops import affine
from xpcnn.options import CLOSED_FRACTION, COUNT, check
from xpcnn.types import Array, Shape, namespace

OPERATIONS = (
    *("identity", "rotate", "shear-x", "shear-y", "translate-x", "translate-y"),
    *("brightness", "contrast", "saturation", "sharpness"),
)
_DEGREES = 30.0
_SHEAR = 0.3
_SHIFT = 0.3  # of the side
_LIGHT = 0.9
_NUMBERS = 10  # of an operation
_SMOOTH = (0.5, 0.25)  # weights of a pixel and of each neighbour


@dataclass(frozen=True)
class TrivialAugment:
    """Change each sample by one of ten operations, drawn for each with a random strength.

    The operations are: none, rotate, shear along rows or columns, translate along rows or columns,
    brightness, contrast, saturation and sharpness, all equally likely, in either direction. A
    strength of 1 means a rotation of 30 degrees, a shear of 0.3, a translation of 0.3 of the side,
    a brightness of 0.9 standard deviations, and factors of 0.1 or 1.9 for the others.

    Source: Müller and Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation",
    2021. Its posterize, solarize, equalize and autocontrast are left out: they need the range of
    raw pixels, and samples are normalised here.

    strength: largest strength, from 0 to 1; the strength of a sample is uniform from 0 to it.
    """

    strength: float = 1.0

    draws: ClassVar[Draws] = {"operation": 1, "strength": 1, "sign": 1}

    def __post_init__(self) -> None:
        check(self, strength=CLOSED_FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 10): the numbers of the operation."""
        return _numbers(u[:, 0], self.strength * u[:, 1], u[:, 2], shape)

    def apply(self, x: Array, p: Array) -> Array:
        return _operated(x, p)


@dataclass(frozen=True)
class RandAugment:
    """Change each sample by several random operations in turn, all of one strength.

    The operations are those of `TrivialAugment`, drawn independently: one may be drawn twice.

    Source: Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search
    space", 2020.

    operations: number of operations for each sample, at least 1.
    strength: strength of every operation, from 0 to 1.
    """

    operations: int = 2
    strength: float = 0.3

    @property
    def draws(self) -> Draws:
        """How many uniforms are drawn: an operation and a sign for each."""
        return {"operation": self.operations, "sign": self.operations}

    def __post_init__(self) -> None:
        check(self, operations=COUNT, strength=CLOSED_FRACTION)

    def parameters(self, u: Host, shape: Shape) -> Host:
        """Return (n, 10 operations): the numbers of each operation in turn."""
        kinds, signs = u[:, : self.operations], u[:, self.operations :]
        strength = numpy.full(len(u), self.strength)
        turns = [_numbers(k, strength, s, shape) for k, s in zip(kinds.T, signs.T, strict=True)]
        return numpy.concatenate(turns, axis=1)

    def apply(self, x: Array, p: Array) -> Array:
        for k in range(0, _NUMBERS * self.operations, _NUMBERS):
            x = _operated(x, p[:, k : k + _NUMBERS])
        return x


def _numbers(kind: Host, strength: Host, sign: Host, shape: Shape) -> Host:
    """Return the numbers of one operation of each sample: (n, 10).

    The inverse map m00, m01, m10, m11, o0, o1; what is added; three factors.
    """
    _, h, w = shape
    chosen = integers(kind, len(OPERATIONS))
    amount = numpy.where(sign < 0.5, -strength, strength)

    def of(name: str) -> Host:
        drawn: Host = numpy.where(chosen == OPERATIONS.index(name), amount, 0.0)
        return drawn

    turn = numpy.radians(_DEGREES * of("rotate"))
    cos, sin = numpy.cos(turn), numpy.sin(turn)
    numbers = [
        *(cos, sin + _SHEAR * of("shear-y"), -sin + _SHEAR * of("shear-x"), cos),
        *(_SHIFT * h * of("translate-y"), _SHIFT * w * of("translate-x")),
        _LIGHT * of("brightness"),
        *(1.0 + _LIGHT * of(name) for name in ("contrast", "saturation", "sharpness")),
    ]
    return numpy.stack(numbers, axis=1)


def _operated(x: Array, p: Array) -> Array:
    """Return samples after one operation each; p (n, 10) as `_numbers` returns it."""
    xp = namespace(x)
    x = affine(x, p[:, :6]) + per_sample(x, p, 6)
    x = spread_colours(spread_channels(x, per_sample(x, p, 7)), per_sample(x, p, 8))
    weights = xp.stack([xp.full_like(p[:, 9], weight) for weight in _SMOOTH], axis=1)
    smooth = smoothed(x, weights)
    return smooth + per_sample(x, p, 9) * (x - smooth)
