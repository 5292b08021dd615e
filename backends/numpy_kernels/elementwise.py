"""Elementwise passes, in pieces that stay in a core's cache, in the memory order of their input."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .layout import Array, logical
from .recording import copied
from .threads import parallel_for

PIECE = 1 << 18  # numbers; with smaller pieces, threads wait for each other's calls


def axes_in_memory(x: Array) -> list[int]:
    """Return the axes of x, that of the longest stride first."""
    return sorted(range(x.ndim), key=lambda axis: -x.strides[axis])


def memory(x: Array) -> Array:
    """Return x, which has no gaps, as a row in its memory order."""
    return x.transpose(axes_in_memory(x)).reshape(-1)


def laid_out_as(like: Array, x: Array) -> Array:
    """Return x in the memory order of `like`, without a copy if it has that order."""
    axes = zip(x.shape, x.strides, like.strides, strict=True)
    if x.shape == like.shape and all(a == b for length, a, b in axes if length > 1):
        return x
    return copied(np.empty_like(like), x)


def in_pieces(work: Callable[..., Any], *rows: Array) -> None:
    """Call work on pieces of rows of one length, several at the same time inside a session."""

    def pieces(start: int, stop: int) -> None:
        for i in range(start, stop, PIECE):
            work(*(row[i : min(i + PIECE, stop)] for row in rows))

    parallel_for(pieces, len(rows[0]), sum(row.nbytes for row in rows))


def kernel_of(
    f: Callable[[Array, Array], Any], df: Callable[[Array, Array, Array], Any]
) -> Callable[[Array], Any]:
    """Return the kernel of a function: f(x, y) writes y, df(dy, y, dx) writes dx."""

    def kernel(x: Array) -> Any:
        y = np.empty_like(x)
        y_row = memory(y)
        in_pieces(f, memory(laid_out_as(y, x)), y_row)

        def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None]:
            if wants is not None and not wants[0]:
                return (None,)
            dx = np.empty_like(y)
            in_pieces(df, memory(laid_out_as(y, dy)), y_row, memory(dx))
            return (dx,)

        return y, pullback

    return kernel


def rectify(x: Array, out: Array | None = None) -> None:
    """Write max(x, 0) into out, or into x itself.

    Uses a row of zeros: with the number 0, NumPy takes two to three times as long.
    """
    np.maximum(x, np.zeros(x.shape[-1], x.dtype), out=x if out is None else out)


def d_rectify(dy: Array, y: Array, dx: Array) -> None:
    """Write dy where y is not 0; y is 0 exactly where x <= 0, and NaN passes the gradient on."""
    np.multiply(dy, y != 0, out=dx)


def logistic(x: Array, y: Array) -> None:
    """Write 1 / (1 + e^-x), which keeps its digits for any x; where e^-x overflows it is 0."""
    np.negative(x, out=y)
    with np.errstate(over="ignore"):
        np.exp(y, out=y)
    y += 1
    np.reciprocal(y, out=y)


def d_logistic(dy: Array, y: Array, dx: Array) -> None:
    np.subtract(1, y, out=dx)
    dx *= y
    dx *= dy


def d_tanh(dy: Array, y: Array, dx: Array) -> None:
    np.multiply(y, y, out=dx)
    np.subtract(1, dx, out=dx)
    dx *= dy


relu = kernel_of(rectify, d_rectify)
sigmoid = kernel_of(logistic, d_logistic)
tanh = kernel_of(np.tanh, d_tanh)


def dropout(x: Array, uniform: Array, *, rate: float) -> Any:
    """Drop elements; the mask has the memory order of x."""
    mask = np.greater_equal(uniform, rate, out=np.empty_like(x))
    mask *= 1.0 / (1.0 - rate)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, None]:
        return (dy * mask if wants is None or wants[0] else None), None

    return x * mask, pullback


def multiply(x: Array, gate: Array) -> Any:
    """Multiply by a gate in the memory order of x, which NumPy would give up for the gate's."""
    order = axes_in_memory(x)
    ordered = np.asarray(gate.transpose(order), order="C").transpose(np.argsort(order))
    repeated = tuple(axis for axis in range(x.ndim) if gate.shape[axis] != x.shape[axis])

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None]:
        want_dx, want_dgate = wants or (True, True)
        dgate = (dy * x).sum(axis=repeated, keepdims=True) if want_dgate else None
        return (dy * ordered if want_dx else None), dgate

    return x * ordered, pullback


def normalise(x: Array, mean: Array, std: Array) -> Any:
    """Normalise images into batch-last memory; only images are served."""
    if x.ndim != 4:
        return NotImplemented
    n, c, h, w = x.shape
    y = np.empty((c, h, w, n), mean.dtype)
    channels = (c, 1, 1, 1)
    np.subtract(x.transpose(1, 2, 3, 0), mean.reshape(channels), out=y)
    y /= std.reshape(channels)
    return logical(y)
