"""Batch normalisation, some channels at a time, so that all passes over them stay in a cache.

The backward pass computes the normalised values again from x. That costs less memory than keeping
them, and less time, because the channels are in the cache by then.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .layout import Array, batch_last, logical
from .recording import fill
from .threads import parallel_for

BLOCK_BYTES = 1 << 21  # of one array; with smaller blocks, threads wait for each other's calls


def batch_norm(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    *,
    eps: float = 1e-5,
    running: Any = None,
) -> Any:
    """Normalise images by the statistics of the batch; rows of features are not served."""
    if x.ndim != 4:
        return NotImplemented
    n, c, h, w = x.shape
    m = n * h * w
    rows = batch_last(x).reshape(c, m)
    y = np.empty_like(rows)
    mean, var = np.empty(c, x.dtype), np.empty(c, x.dtype)

    def forward(i: int, j: int) -> None:
        np.mean(rows[i:j], axis=1, out=mean[i:j])
        out = np.subtract(rows[i:j], mean[i:j, None], out=y[i:j])
        np.divide(np.vecdot(out, out), m, out=var[i:j])
        scale = 1.0 / np.sqrt(var[i:j] + eps)
        out *= (scale if gamma is None else scale * gamma[i:j])[:, None]
        if beta is not None:
            out += beta[i:j, None]

    blocks(forward, rows)
    scale = 1.0 / np.sqrt(var + eps)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None]:
        want_dx, want_dgamma, want_dbeta = wants or (True, True, True)
        dy_rows = batch_last(dy).reshape(c, m)
        dx = np.empty_like(rows) if want_dx else None
        sum_dy, sum_dy_xhat = np.empty(c, x.dtype), np.empty(c, x.dtype)

        def backward(i: int, j: int) -> None:
            grad = dy_rows[i:j]
            centred = rows[i:j] - mean[i:j, None]  # xhat / scale
            np.sum(grad, axis=1, out=sum_dy[i:j])
            np.multiply(np.vecdot(grad, centred), scale[i:j], out=sum_dy_xhat[i:j])
            if dx is not None:
                centred *= (scale[i:j] * sum_dy_xhat[i:j] / m)[:, None]
                centred += (sum_dy[i:j] / m)[:, None]
                out = np.subtract(grad, centred, out=dx[i:j])
                out *= (scale[i:j] if gamma is None else scale[i:j] * gamma[i:j])[:, None]

        blocks(backward, rows)
        return (
            None if dx is None else logical(dx.reshape(c, h, w, n)),
            sum_dy_xhat if want_dgamma and gamma is not None else None,
            sum_dy if want_dbeta and beta is not None else None,
        )

    return (logical(y.reshape(c, h, w, n)), *updated_statistics(running, mean, var, m)), pullback


def updated_statistics(running: Any, mean: Array, var: Array, m: int) -> tuple[Array, Array]:
    """Return the running statistics (mean, var, momentum) after a batch with m values per channel;
    for None, those of the batch.
    """
    if running is None:
        return mean, var
    old_mean, old_var, new = running
    old = 1.0 - new
    return (
        fill(_mixed, np.empty_like(old_mean), old_mean, mean, old=old, new=new),
        fill(_mixed, np.empty_like(old_var), old_var, var, old=old, new=new * m / (m - 1)),
    )


def _mixed(x: Array, y: Array, *, old: float, new: float, out: Array) -> None:
    np.add(old * x, new * y, out=out)


def batch_norm_inference(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> Any:
    """Normalise images by given statistics; rows of features are not served."""
    if x.ndim != 4:
        return NotImplemented
    n, c, h, w = x.shape
    rows = batch_last(x).reshape(c, n * h * w)
    y = np.empty_like(rows)
    scale = 1.0 / np.sqrt(var + eps)
    slope = scale if gamma is None else scale * gamma

    def forward(i: int, j: int) -> None:
        out = np.subtract(rows[i:j], mean[i:j, None], out=y[i:j])
        out *= slope[i:j, None]
        if beta is not None:
            out += beta[i:j, None]

    blocks(forward, rows)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, Array | None, None, None]:
        want_dx, want_dgamma, want_dbeta = (wants or (True, True, True))[:3]
        grad = batch_last(dy).reshape(c, n * h * w)
        xhat = (rows - mean[:, None]) * scale[:, None]
        return (
            logical((grad * slope[:, None]).reshape(c, h, w, n)) if want_dx else None,
            (grad * xhat).sum(axis=1) if want_dgamma and gamma is not None else None,
            grad.sum(axis=1) if want_dbeta and beta is not None else None,
            None,
            None,
        )

    return logical(y.reshape(c, h, w, n)), pullback


def blocks(work: Callable[[int, int], None], rows: Array) -> None:
    """Call work(i, j) on a few rows at a time, several at the same time inside a session."""
    step = max(1, BLOCK_BYTES // max(rows[:1].nbytes, 1))

    def piece(start: int, stop: int) -> None:
        for i in range(start, stop, step):
            work(i, min(i + step, stop))

    parallel_for(piece, len(rows), rows.nbytes)
