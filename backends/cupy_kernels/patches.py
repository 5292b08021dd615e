"""Convolution as a matrix product over patches, by `kernels/patches.cu` and `products.py`.

Forward three launches: im2col, the product (one for each group), and one that adds the bias, orders
the result, and applies ReLU and pooling. The patches of a batch are made in parts of
`MOST_PATCH_BYTES`, and again for the backward pass.
"""

import math
from collections.abc import Iterator

import numpy

from .conv_rule import Gradients, Passed, Rule, Wanted
from .cuda import Array, Cuda, struct
from .products import batched_product

MOST_PATCH_BYTES = 2**28
"""Memory of the patches that are made at a time. Not measured."""

FINISH = numpy.dtype(
    [(name, numpy.int32) for name in ("filters", "pool_rows", "pool_columns", "rectify")]
)


def forward(
    cuda: Cuda, rule: Rule, x: Array, w: Array, b: Array | None, keeps_winner: bool
) -> tuple[Array, Array | None]:
    """Return y and winner."""
    y = cuda.empty(rule.out)
    winner = cuda.empty(rule.out, "uint8") if keeps_winner else None
    matrices = w.reshape(_matrices(rule, rule.filters[0], math.prod(rule.filters[1:])))
    for samples, patches in _parts(cuda, rule):
        out, won = y[samples], None if winner is None else winner[samples]
        sums = batched_product(cuda, matrices, _columns(cuda, rule, x[samples], patches))
        rest = numpy.uint32(patches), _finish(rule), rule.windows.struct
        cuda.each("patches.cu", "finish", out.size, sums, b, out, won, *rest)
    return y, winner


def backward(
    cuda: Cuda, rule: Rule, passed: Passed, x: Array, w: Array, wants: Wanted
) -> Gradients:
    """Return dx, dw and db, each where it is wanted."""
    want_dx, want_dw, want_db = wants
    f, taps = rule.filters[0], math.prod(rule.filters[1:])
    matrices = w.reshape(_matrices(rule, f, taps))
    dx, dw, db = cuda.empty(rule.image) if want_dx else None, None, None
    for samples, patches in _parts(cuda, rule):
        spread = cuda.empty(_matrices(rule, f, patches))
        given = passed.dy, passed.y, passed.winner
        held = (None if a is None else a[samples] for a in given)
        rest = numpy.uint32(patches), _finish(rule), rule.windows.struct
        cuda.each("patches.cu", "spread", spread.size, *held, spread, *rest)
        if want_dw:
            columns = _columns(cuda, rule, x[samples], patches)
            dw = _sum(dw, batched_product(cuda, spread, columns.swapaxes(-2, -1)))
        if want_db:
            db = _sum(db, spread.reshape(f, patches).sum(axis=1, dtype="float32"))
        if dx is not None:
            columns = batched_product(cuda, matrices.swapaxes(-2, -1), spread)
            geometry = numpy.int32(rule.image[1]), numpy.uint32(patches), rule.windows.struct
            own = dx[samples]
            cuda.each("patches.cu", "col2im", own.size, columns, own, *geometry)
    if dw is not None:
        dw = dw.astype(cuda.dtype, copy=False).reshape(rule.filters)
    return dx, dw, None if db is None else db.astype(cuda.dtype, copy=False)


def _sum(total: Array | None, part: Array) -> Array:
    """Return total + part in float32, or only the part if there is no total yet."""
    return part if total is None else total.astype("float32", copy=False) + part


def _parts(cuda: Cuda, rule: Rule) -> Iterator[tuple[slice, int]]:
    """Yield which samples are done at a time, and the number of their patches."""
    each = rule.windows.rows * rule.windows.columns
    largest = max(rule.groups * math.prod(rule.filters[1:]), rule.filters[0])
    elements = MOST_PATCH_BYTES // numpy.dtype(cuda.dtype).itemsize
    most = max(1, min(elements, 2**31 - 1) // (each * largest))
    for first in range(0, n := rule.image[0], most):
        yield slice(first, min(first + most, n)), (min(first + most, n) - first) * each


def _matrices(rule: Rule, rows: int, columns: int) -> tuple[int, ...]:
    """Return the shape of the matrices of all groups, which have `rows` rows together."""
    if rule.groups == 1:
        return rows, columns
    return rule.groups, rows // rule.groups, columns


def _columns(cuda: Cuda, rule: Rule, x: Array, patches: int) -> Array:
    """Return the patches of some samples, a matrix (taps, patches) of each group."""
    taps = rule.groups * math.prod(rule.filters[1:])
    columns = cuda.empty(_matrices(rule, taps, patches))
    given = numpy.int32(rule.image[1]), numpy.uint32(patches), rule.windows.struct
    cuda.each("patches.cu", "im2col", columns.size, x, columns, *given)
    return columns


def _finish(rule: Rule) -> numpy.ndarray:
    return struct(FINISH, rule.filters[0], *rule.pool, rule.rectify)
