"""Resizing of images by nearest pixels or linear interpolation: the definition of the op.

Array API functions only; writes into no array. Sizes: images (n, c, h, w), output (n, c, ho, wo).
Output dtype = input dtype. Both modes work along one axis at a time: output pixel p is a weighted
sum of a few input pixels, and `table[p]` has their weights by index.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from xpcnn.ops.reference.windows import Pair, pair
from xpcnn.types import Array, Pullback, namespace

Table: TypeAlias = Sequence[Mapping[int, float]]


def upsample2d(x: Array, *, size: Pair, mode: str = "nearest") -> tuple[Array, Pullback]:
    """Resize images; along an axis, from h to ho pixels,

        nearest:   y[p] = x[floor(p * h / ho)]
        bilinear:  y[p] = (1 - t) * x[r] + t * x[r + 1], where r + t = (p + 1/2) * h / ho - 1/2
                   is limited to the image

    and likewise along the other axis. Bilinear aligns the edges of the images, not the centres of
    their corner pixels (`align_corners=False` in PyTorch).

    Backward, the adjoint: dy[p] is added to the pixels from which y[p] was computed, with the same
    weights.

    Args:
        x: images (n, c, h, w) of at least one pixel.
        size: size of the output in pixels; one number or (rows, columns).
        mode: "nearest" or "bilinear".

    Returns:
        y (n, c, ho, wo) of the given size, and the pullback dy -> (dx,).

    Kernels: C.
    """
    (_, _, h, w), (ho, wo) = x.shape, pair(size)
    table = nearest if mode == "nearest" else linear
    rows, columns = table(h, ho), table(w, wo)
    y = _mixed(_mixed(x, 2, rows), 3, columns)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
        if wants is not None and not wants[0]:
            return (None,)
        return (_mixed(_mixed(dy, 3, transposed(columns, w)), 2, transposed(rows, h)),)

    return y, pullback


def nearest(length: int, size: int) -> Table:
    return [{p * length // size: 1.0} for p in range(size)]


def linear(length: int, size: int) -> Table:
    table = []
    for p in range(size):
        place = min(max((p + 0.5) * length / size - 0.5, 0.0), length - 1.0)
        r = math.floor(place)
        weights = {r: 1.0 - (place - r), r + 1: place - r}
        table.append({index: weight for index, weight in weights.items() if weight > 0.0})
    return table


def transposed(table: Table, length: int) -> Table:
    """Return the table of the adjoint: for each of `length` inputs, the weights by output."""
    return [{p: row[r] for p, row in enumerate(table) if r in row} for r in range(length)]


def _mixed(x: Array, axis: int, table: Table) -> Array:
    """Return the weighted sums of a table along an axis."""
    xp = namespace(x)
    before = (slice(None),) * axis
    parts = [x[(*before, index, ...)] for index in range(x.shape[axis])]

    def entry(row: Mapping[int, float]) -> Array:
        terms = [parts[i] if weight == 1.0 else weight * parts[i] for i, weight in row.items()]
        return sum(terms[1:], terms[0]) if terms else xp.zeros_like(parts[0])

    return xp.stack([entry(row) for row in table], axis=axis)
