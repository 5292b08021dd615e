"""Layer and group normalisation of images in C (sample_norm.c): float32."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..layout import Array, batch_last, logical
from ..recording import contiguous, summed
from ..threads import sharing
from .norm import PASSES
from .shared_library import Call, serves

SAMPLE_NORM = Call("sample_norm", "pppp ooooo f llllll ll")
SAMPLE_NORM_GRADIENT = Call("sample_norm", "pppp oppoo f llllll ll", "gradient of sample_norm")
TILE, SOME = 256, 64  # columns that are read together, rows that threads share no part of
SHARES = 8  # of the rows of one tile, at most


def layer_norm(
    x: Array, gamma: Array | None, beta: Array | None, *, axes: Sequence[int], eps: float = 1e-5
) -> Any:
    """Normalise images along (1, 2, 3), (1,) or (2, 3)."""
    if x.ndim != 4 or not serves(x):
        return NotImplemented
    n, c, h, w = x.shape
    shapes = {(1, 2, 3): (1, c * h * w, n), (1,): (1, c, h * w * n), (2, 3): (c, h * w, n)}
    if tuple(axes) not in shapes:
        return NotImplemented
    shape = shapes[tuple(axes)]
    return _normalised(x, gamma, beta, eps, shape, 1, tuple(x.shape[axis] for axis in axes))


def group_norm(
    x: Array, gamma: Array | None, beta: Array | None, *, groups: int, eps: float = 1e-5
) -> Any:
    """Normalise groups of channels of images."""
    if x.ndim != 4 or not serves(x):
        return NotImplemented
    n, c, h, w = x.shape
    return _normalised(x, gamma, beta, eps, (groups, c // groups * h * w, n), h * w, (c,))


def _normalised(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    eps: float,
    shape: tuple[int, int, int],
    each: int,
    learnt: tuple[int, ...],
) -> Any:
    """Normalise columns of memory (groups, m, n); learnt: the shape of gamma, each number of which
    is for `each` rows after another."""
    image, (groups, m, n), weights = batch_last(x), shape, math.prod(learnt)
    scales, shifts = (None if a is None else contiguous(a) for a in (gamma, beta))
    y, mean, scale = np.empty_like(image), *np.empty((2, groups, n), x.dtype)
    tiles = groups * -(-n // TILE)
    shares = max(1, min(SHARES // tiles, m // SOME))  # of any number of threads: the same bits
    sizes = *shape, each, weights, shares
    sums = np.empty((tiles * shares, 2, TILE))
    work = sharing(len(sums), PASSES * x.size)
    results = mean, scale, None, sums
    SAMPLE_NORM(image, None, scales, shifts, y, *results, eps, *sizes, *work)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dgamma, want_dbeta = wants or (True, True, True)
        dy = batch_last(dy)
        pieces, threads = sharing(len(sums), PASSES * x.size)
        dx, parts = np.empty_like(image), np.empty((pieces, 2, weights), x.dtype)
        arrays = (image, dy, scales, None, dx, mean, scale, parts, sums)
        SAMPLE_NORM_GRADIENT(*arrays, eps, *sizes, pieces, threads)
        # in the order of the pieces: the same bits in every run
        dgamma, dbeta = parts[0] if pieces == 1 else summed(parts, 0)
        return (
            logical(dx) if want_dx else None,
            dgamma.reshape(learnt) if want_dgamma and gamma is not None else None,
            dbeta.reshape(learnt) if want_dbeta and beta is not None else None,
        )

    return logical(y), pullback
