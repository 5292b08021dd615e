"""Batch normalisation by `kernels/norm.cu`, alone, or with a sum, ReLU and pooling behind it.

Two launches forward, two backward; one each where a channel has no more than `LEAST_LENGTH` values.
Running statistics are updated in the same launch.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy

from ..geometry import pair
from .cuda import Array, Cuda, serves, serves_half, struct, summing
from .pool import MOST_TAPS

MOST_PARTS, LEAST_LENGTH = 64, 4096  # parts of a channel, and their length; not measured
SHAPE = numpy.dtype([(name, numpy.uint32) for name in ("n", "c", "h", "w", "length")])
TAIL = numpy.dtype([(name, numpy.uint32) for name in ("pool_rows", "pool_columns", "rectify")])
RUNNING = numpy.dtype([(name, numpy.float32) for name in ("keep", "mean", "var")])
MOST_CHANNELS = 65535  # of a grid


def batch_norm(
    cuda: Cuda,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
    running: Any = None,
) -> Any:
    """Normalise by the statistics of the batch; the pullback computes xhat again."""
    return _normalised(cuda, x, gamma, beta, None, eps, running)


def batch_norm_relu(
    cuda: Cuda,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
    running: Any = None,
    pool: Any = None,
    limit: float | None = None,
    grad: bool = True,
) -> Any:
    """Compute pool(relu(batch_norm(x))), without a limit, for windows of up to 256 elements."""
    if limit is not None:
        return NotImplemented
    size = (1, 1) if pool is None else pair(pool)
    return _normalised(cuda, x, gamma, beta, None, eps, running, size, rectify=True, grad=grad)


def batch_norm_add_relu(
    cuda: Cuda,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    added: Array,
    *,
    eps: float = 1e-5,
    running: Any = None,
) -> Any:
    """Compute relu(batch_norm(x) + added)."""
    return _normalised(cuda, x, gamma, beta, added, eps, running, rectify=True)


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
    if not serves_half(x) or not serves(gamma, beta, mean, var) or x.shape[1] > MOST_CHANNELS:
        return NotImplemented
    cuda = cuda.like(x)
    x, gamma, beta, mean, var = map(cuda.ordered, (x, gamma, beta, mean, var))
    y = cuda.empty(x.shape)
    shape, grid, threads = _parts(x)
    given = shape, x, gamma, beta, numpy.float32(eps)
    cuda.blocks("norm.cu", "batch_norm_inference", grid, threads, *given, mean, var, y)
    kept = _Kept(x, None, None, gamma, beta, mean, var)
    tail = _tail((1, 1), rectify=False)
    pull = _pullback(cuda, kept, tail, eps, batch=False, is_sum=False)
    return y, lambda dy, wants=None: (*pull(dy, wants), None, None)


class _Kept(NamedTuple):
    """What the backward pass needs. y: with a ReLU; winner: with pooling, the largest of a window,
    one byte.
    """

    x: Array
    y: Array | None
    winner: Array | None
    gamma: Array | None
    beta: Array | None
    mean: Array
    var: Array


def _normalised(
    cuda: Cuda,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    added: Array | None,
    eps: float,
    running: Any,
    pool: tuple[int, int] = (1, 1),
    *,
    rectify: bool = False,
    grad: bool = True,
) -> Any:
    old_mean, old_var, momentum = running or (None, None, 0.0)
    if not serves_half(x, added) or not serves(gamma, beta, old_mean, old_var):
        return NotImplemented
    if x.shape[1] > MOST_CHANNELS:
        return NotImplemented
    cuda = cuda.like(x)
    h, w = _image(x)
    if pool[0] * pool[1] > MOST_TAPS or pool[0] > h or pool[1] > w:
        return NotImplemented  # a window larger than the image: the reference rejects it
    x, gamma, beta, added, old_mean, old_var = map(
        cuda.ordered, (x, gamma, beta, added, old_mean, old_var)
    )
    y = cuda.empty(x.shape if pool == (1, 1) else (*x.shape[:2], h // pool[0], w // pool[1]))
    winner = cuda.empty(y.shape, "uint8") if grad and pool != (1, 1) else None
    shape, grid, threads = _parts(x)
    means, squares = _partial_sums(cuda, grid)
    if means is not None:
        cuda.blocks("norm.cu", "batch_norm_parts", grid, threads, shape, x, means, squares)
    mean, var = _of_channels(cuda, x), _of_channels(cuda, x)
    updated = (None, None)
    if running is not None:
        updated = _of_channels(cuda, x), _of_channels(cuda, x)
    m = x.shape[0] * h * w
    rule = struct(RUNNING, 1.0 - momentum, momentum, momentum * m / (m - 1))
    tail = _tail(pool, rectify=rectify)
    given = shape, tail, x, gamma, beta, added, numpy.float32(eps), means, squares
    rest = y, winner, mean, var, rule, old_mean, old_var, *updated
    cuda.blocks("norm.cu", "batch_norm", grid, threads, *given, *rest)
    kept = _Kept(x, y if rectify else None, winner, gamma, beta, mean, var)
    statistics = (mean, var) if running is None else updated
    is_sum = added is not None
    return (y, *statistics), _pullback(cuda, kept, tail, eps, batch=True, is_sum=is_sum)


def _pullback(
    cuda: Cuda, kept: _Kept, tail: numpy.ndarray, eps: float, *, batch: bool, is_sum: bool
) -> Callable[..., tuple[Array | None, ...]]:
    """Return the pullback dy -> (dx, dgamma, dbeta), of a sum with dadded."""
    x, y, winner, gamma, beta, mean, var = kept

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, ...]:
        made = (x, gamma, beta, x) if is_sum else (x, gamma, beta)
        found = [
            cuda.empty(a.shape, a.dtype) if a is not None and wanted else None
            for a, wanted in zip(made, wants or (True,) * len(made), strict=False)
        ]
        if all(gradient is None for gradient in found):
            return tuple(found)
        shape, grid, threads = _parts(x)
        sums, products = _partial_sums(cuda, grid)
        given, at = (shape, tail, x, cuda.ordered(dy), y, winner), (mean, var, numpy.float32(eps))
        if sums is not None:
            cuda.blocks("norm.cu", "batch_norm_sums", grid, threads, *given, *at, sums, products)
        dx, dgamma, dbeta, *dadded = found
        rest = numpy.int32(batch), sums, products, dx, dgamma, dbeta, *(dadded or [None])
        cuda.blocks("norm.cu", "batch_norm_backward", grid, threads, *given, gamma, *at, *rest)
        return tuple(found)

    return pullback


def _partial_sums(cuda: Cuda, grid: tuple[int, int]) -> tuple[Array | None, Array | None]:
    """Return two arrays (c, parts) for sums over parts; None where a channel is one part."""
    if grid[0] == 1:
        return None, None
    return cuda.empty(grid[::-1], "float32"), cuda.empty(grid[::-1], "float32")


def _of_channels(cuda: Cuda, x: Array) -> Array:
    """Return a new array for a number of each channel, float32."""
    return cuda.empty(x.shape[1:2], "float32")


def _tail(pool: tuple[int, int], *, rectify: bool) -> numpy.ndarray:
    return struct(TAIL, *pool, rectify)


def _image(x: Array) -> tuple[int, int]:
    """Return height and width of images; (1, 1) of rows of features."""
    return (x.shape[2], x.shape[3]) if x.ndim == 4 else (1, 1)


def _parts(x: Array) -> tuple[numpy.ndarray, tuple[int, int], int]:
    """Return the `struct Shape` of x, the grid (parts, c) and the threads of a block."""
    n, c, m = x.shape[0], x.shape[1], x.shape[0] * math.prod(x.shape[2:])
    length = max(LEAST_LENGTH, -(-m // MOST_PARTS))
    shape = struct(SHAPE, n, c, *_image(x), length)
    return shape, (-(-m // length), c), summing(min(m, length))
