"""Batch normalisation of images in C (norm.c), alone and with what follows it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...geometry import pair
from ...types import Pair
from .. import norm
from ..layout import Array, batch_last, logical
from ..threads import sharing
from .pointwise import NO_RELU, cap_of
from .shared_library import Call, serves, vector

BATCH_NORM = Call("batch_norm", "pppp pp ooo o ooo ff llllll ll")
BATCH_NORM_INFERENCE = Call("batch_norm", "pppp pp opp o ooo ff llllll ll", "batch_norm_inference")
BATCH_NORM_GRADIENT = Call("batch_norm_gradient", "pppp pp opp p ooo ff llllll ll")
NONE = None, None, None
OF_BATCH, GIVEN = False, True  # the mean and variance
PASSES = 16  # multiplications that take as long as all passes over one number


def batch_norm(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
    running: Any = None,
) -> Any:
    """Normalise by the statistics of the batch."""
    if not serves(x):
        return NotImplemented
    if x.ndim == 2:
        return _of_features(partial(batch_norm, eps=eps, running=running), x, gamma, beta)
    return _normalised(x, gamma, beta, eps, running, NO_RELU)


def batch_norm_inference(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> Any:
    """Normalise by given statistics; NumPy computes the gradients, which are rare."""
    if not serves(x):
        return NotImplemented
    if x.ndim == 2:
        return _of_features(partial(batch_norm_inference, eps=eps), x, gamma, beta, mean, var)
    n, c, h, w = x.shape
    gamma_beta, statistics = (vector(gamma), vector(beta)), (vector(mean), vector(var))
    image = batch_last(x)
    y = np.empty_like(image)
    _, threads = sharing(c, PASSES * x.size)
    arrays = image, *gamma_beta, *NONE, y, *statistics, None, *NONE
    BATCH_NORM_INFERENCE(*arrays, eps, NO_RELU, c, h, w, n, 1, 1, GIVEN, threads)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> Any:
        _, back = norm.batch_norm_inference(x, gamma, beta, mean, var, eps=eps)
        return back(dy, wants)

    return logical(y), pullback


def _of_features(kernel: Callable[..., Any], x: Array, *vectors: Array | None) -> Any:
    """Normalise rows of features (n, c) as images of one pixel."""
    result, back = kernel(x[:, :, None, None], *vectors)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> Any:
        dx, *rest = back(dy[:, :, None, None], wants)
        return (None if dx is None else dx[:, :, 0, 0]), *rest

    if isinstance(result, tuple):
        y, *statistics = result
        return (y[:, :, 0, 0], *statistics), pullback
    return result[:, :, 0, 0], pullback


def batch_norm_relu(
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
    """Compute pool(relu(batch_norm(x))), for pooling windows of up to 255 elements."""
    if x.ndim != 4 or not serves(x):
        return NotImplemented
    (h, w), (ph, pw) = x.shape[2:], (1, 1) if pool is None else pair(pool)
    # more than one byte can number beside "none"; no window fits
    if ph * pw > 255 or ph > h or pw > w:
        return NotImplemented
    if pool is not None and limit is not None:
        return NotImplemented
    return _normalised(x, gamma, beta, eps, running, cap_of(limit), window=(ph, pw), grad=grad)


def batch_norm_add_relu(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    added: Array,
    *,
    eps: float = 1e-5,
    running: Any = None,
) -> Any:
    """Compute relu(batch_norm(x) + added)."""
    if x.ndim != 4 or not serves(x):
        return NotImplemented
    return _normalised(x, gamma, beta, eps, running, cap_of(None), batch_last(added))


def _normalised(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    eps: float,
    running: Any,
    cap: float,
    added: Array | None = None,
    window: Pair = (1, 1),
    grad: bool = True,
) -> Any:
    """Normalise by the statistics of the batch; see `xpcnn_batch_norm` in norm.c."""
    (n, c, h, w), (ph, pw) = x.shape, window
    image, gamma, beta = batch_last(x), vector(gamma), vector(beta)
    y = np.empty((c, h // ph, w // pw, n), x.dtype)
    winner = np.empty(y.shape, np.uint8) if grad and ph * pw > 1 else None
    mean, var = np.empty(c, x.dtype), np.empty(c, x.dtype)
    _, threads = sharing(c, PASSES * x.size)
    numbers = (eps, cap, c, h, w, n, ph, pw, OF_BATCH, threads)
    BATCH_NORM(image, gamma, beta, added, None, None, y, mean, var, winner, *NONE, *numbers)
    is_added = added is not None  # the pullback keeps no array of it
    kept = y if winner is not None or is_added else None

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, ...]:
        want_dx, want_dgamma, want_dbeta, *want_dadded = wants or (True, True, True, True)
        dx = np.empty_like(image) if want_dx or winner is not None else None
        dz = np.empty_like(image) if is_added else None
        sums, sums_xhat = np.empty(c, x.dtype), np.empty(c, x.dtype)
        given = image, gamma, beta, None, batch_last(dy), kept
        BATCH_NORM_GRADIENT(*given, dx, mean, var, winner, dz, sums, sums_xhat, *numbers)
        return (
            logical(dx) if dx is not None and want_dx else None,
            sums_xhat if want_dgamma and gamma is not None else None,
            sums if want_dbeta and beta is not None else None,
            *(() if dz is None else (logical(dz) if want_dadded[0] else None,)),
        )

    return (logical(y), *norm.updated_statistics(running, mean, var, n * h * w)), pullback
