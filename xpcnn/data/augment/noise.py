"""Noise: a random number of its own for every pixel.

It depends on (seed, step, position in the batch), not on the sample, and agrees across libraries to
rounding: it is computed on the device.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from xpcnn.data.augment.base import Draws
from xpcnn.options import NON_NEGATIVE, check
from xpcnn.types import Array, namespace


@dataclass(frozen=True)
class Noise:
    """Add normal noise z to every pixel: y = x + std z.

        z = sqrt(-2 log(1 - u)) cos(2 pi v)      u and v uniform (Box and Muller)

    as in `xpcnn.random.normal`.

    std: standard deviation of the noise, in standard deviations of the training data; at least 0.
    """

    std: float = 0.1

    pixel_draws: ClassVar[Draws] = {"std": 2}

    def __post_init__(self) -> None:
        check(self, std=NON_NEGATIVE)

    def apply(self, x: Array, p: Array) -> Array:
        xp = namespace(x)
        n, c, h, w = x.shape
        u = xp.astype(p, x.dtype)
        z = xp.sqrt(-2.0 * xp.log1p(-u[..., 0])) * xp.cos(2.0 * math.pi * u[..., 1])
        batch_last = xp.reshape(xp.permute_dims(z, (1, 2, 3, 0)), (c * h * w * n,))  # in memory
        z = xp.permute_dims(xp.reshape(batch_last, (c, h, w, n)), (3, 0, 1, 2))
        return x + self.std * z
