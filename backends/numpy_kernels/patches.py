"""im2col: the windows of a convolution as columns of a matrix, one strip of windows at a time.

The columns of a whole batch do not fit into the caches. A strip is a block of output pixels of the
whole batch whose columns fit into a core's L2 cache, from which its products read them.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..types import Pair
from .layout import Array

STRIP_BYTES = 1 << 21  # columns of one strip

Strip = tuple[int, int, int, int]  # output rows p to q, output columns u to v


class Patches(NamedTuple):
    """Windows over images of (h, w) with `sides` of zeros around them."""

    image: Pair
    size: Pair
    stride: Pair
    dilation: Pair
    sides: tuple[Pair, Pair]

    @property
    def out(self) -> Pair:
        """Return (ho, wo)."""
        return _out(self)

    def adjoint(self) -> "Patches | None":
        """Return the windows over the outputs under which each pixel of the image lies.

        None if a stride leaves gaps between the windows, or padding reaches beyond them.
        """
        reach = [d * (k - 1) for k, d in zip(self.size, self.dilation, strict=True)]
        (top, bottom), (left, right) = self.sides
        rows, columns = (reach[0] - top, reach[0] - bottom), (reach[1] - left, reach[1] - right)
        if self.stride != (1, 1) or min(*rows, *columns) < 0:
            return None
        return Patches(self.out, self.size, (1, 1), self.dilation, (rows, columns))

    def widened(self, g: int) -> "Patches":
        """Return wider windows, each of which contains g of these side by side."""
        (kh, kw), (sh, sw) = self.size, self.stride
        return self._replace(size=(kh, kw + g - 1), stride=(sh, sw * g))

    def rows(self, pixel: int) -> int:
        """Return how many output rows a strip may have; 0 if one row is too large.

        pixel: bytes of the columns of one pixel of the whole batch.
        """
        return STRIP_BYTES // (self.out[1] * pixel)

    def strips(self, start: int, stop: int, pixel: int) -> Iterator[Strip]:
        """Split output rows start to stop into strips; `pixel` as in `rows`."""
        rows, (_, wo) = self.rows(pixel), self.out
        across = wo if rows else max(1, STRIP_BYTES // pixel)
        for p in range(start, stop, rows or 1):
            for u in range(0, wo, across):
                yield p, min(p + (rows or 1), stop), u, min(u + across, wo)

    def columns(self, x: Array, strip: Strip) -> Array:
        """Return the windows of a strip over contiguous x (c, h, w, n): (c*kh*kw, pixels*n)."""
        p, q, u, v = strip
        c, h, w, n = x.shape
        (kh, kw), (sh, sw), (dh, dw) = self.size, self.stride, self.dilation
        (top, _), (left, _) = self.sides
        if (kh, kw, sh, sw, u, v) == (1, 1, 1, 1, 0, w) and p >= top and left == 0 and q - top <= h:
            return x.reshape(c, h * w * n)[:, (p - top) * w * n : (q - top) * w * n]
        # rows i to j and columns k to m of x, which may reach beyond it
        i, j = p * sh - top, (q - 1) * sh - top + dh * (kh - 1) + 1
        k, m = u * sw - left, (v - 1) * sw - left + dw * (kw - 1) + 1
        if i < 0 or k < 0 or j > h or m > w:
            padded = np.zeros((c, j - i, m - k, n), x.dtype)
            rows = slice(min(max(i, 0), h), max(min(j, h), 0))  # empty where all is padding
            cols = slice(min(max(k, 0), w), max(min(m, w), 0))
            padded[:, rows.start - i : rows.stop - i, cols.start - k : cols.stop - k] = x[
                :, rows, cols
            ]
            x, i, k = padded, 0, 0
        along_c, along_h, along_w, along_n = x.strides
        columns: Array = np.ndarray(
            (c, kh, kw, q - p, v - u, n),
            x.dtype,
            x,
            i * along_h + k * along_w,
            (along_c, dh * along_h, dw * along_w, sh * along_h, sw * along_w, along_n),
        )
        return columns.reshape(c * kh * kw, (q - p) * (v - u) * n)  # copies, in one call


@lru_cache(maxsize=1024)
def _out(patches: Patches) -> Pair:
    ho, wo = (
        (n + sum(around) - d * (k - 1) - 1) // s + 1
        for n, k, s, d, around in zip(*patches, strict=True)
    )
    return ho, wo
