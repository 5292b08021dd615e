"""Batch normalisation by `kernels/norm.cu`: two launches forward, two backward."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from .cuda import Array, Cuda, as_argument, serves, summing

MOST_PARTS, LEAST_LENGTH = 64, 4096  # parts of a channel, and their length; not measured
SHAPE = numpy.dtype([(name, numpy.uint32) for name in ("n", "c", "s", "length")])
MOST_CHANNELS = 65535  # of a grid


def batch_norm(
    cuda: Cuda, x: Array, gamma: Array | None, beta: Array | None, *, eps: float = 1e-5
) -> Any:
    """Normalise by the statistics of the batch; the pullback computes xhat again."""
    if not serves(x, gamma, beta) or x.shape[1] > MOST_CHANNELS:
        return NotImplemented
    x, gamma, beta = map(cuda.ordered, (x, gamma, beta))
    y, mean, var = cuda.empty(x.shape), cuda.empty(x.shape[1:2]), cuda.empty(x.shape[1:2])
    shape, grid, threads = _parts(x)
    means, squares = cuda.empty(grid[::-1]), cuda.empty(grid[::-1])
    cuda.blocks("norm.cu", "batch_norm_parts", grid, threads, shape, x, means, squares)
    given = shape, x, gamma, beta, numpy.float32(eps)
    cuda.blocks("norm.cu", "batch_norm", grid, threads, *given, means, squares, y, mean, var)
    return (y, mean, var), _pullback(cuda, x, gamma, beta, mean, var, eps, batch=True)


def batch_norm_inference(
    cuda: Cuda,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> Any:
    """Normalise by given statistics, in one launch."""
    if not serves(x, gamma, beta, mean, var) or x.shape[1] > MOST_CHANNELS:
        return NotImplemented
    x, gamma, beta, mean, var = map(cuda.ordered, (x, gamma, beta, mean, var))
    y = cuda.empty(x.shape)
    shape, grid, threads = _parts(x)
    given = shape, x, gamma, beta, numpy.float32(eps)
    cuda.blocks("norm.cu", "batch_norm_inference", grid, threads, *given, mean, var, y)
    pull = _pullback(cuda, x, gamma, beta, mean, var, eps, batch=False)
    return y, lambda dy, wants=None: (*pull(dy, wants), None, None)


def _pullback(
    cuda: Cuda,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    eps: float,
    *,
    batch: bool,
) -> Callable[..., tuple[Array | None, Array | None, Array | None]]:
    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dgamma, want_dbeta = (wants or (True, True, True))[:3]
        dx = cuda.empty(x.shape) if want_dx else None
        dgamma = cuda.empty(gamma.shape) if want_dgamma and gamma is not None else None
        dbeta = cuda.empty(beta.shape) if want_dbeta and beta is not None else None
        if dx is None and dgamma is None and dbeta is None:
            return None, None, None
        shape, grid, threads = _parts(x)
        sums, products = cuda.empty(grid[::-1]), cuda.empty(grid[::-1])
        dy, at = cuda.ordered(dy), (mean, var, numpy.float32(eps))
        cuda.blocks("norm.cu", "batch_norm_sums", grid, threads, shape, x, dy, *at, sums, products)
        given = shape, x, dy, gamma, *at, numpy.int32(batch), sums, products
        cuda.blocks("norm.cu", "batch_norm_backward", grid, threads, *given, dx, dgamma, dbeta)
        return dx, dgamma, dbeta

    return pullback


def _parts(x: Array) -> tuple[numpy.ndarray, tuple[int, int], int]:
    """Return the `struct Shape` of x, the grid (parts, c) and the threads of a block."""
    n, c, s = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    length = max(LEAST_LENGTH, -(-n * s // MOST_PARTS))
    shape = as_argument(numpy.array((n, c, s, length), SHAPE))
    return shape, (-(-n * s // length), c), summing(min(n * s, length))
