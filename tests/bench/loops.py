"""Convolution as loops in NumPy, as in the small projects that xpcnn grew from: stand-ins.

The code of those projects is not part of this repository. What is known of them is their networks,
their speed, whether they took batches, and which correlated whole maps; the loops here are the
plainest of which a step takes about as long as theirs did. Refuses stride, dilation and groups.

`python -m tests.bench.loops` is the process that times training steps of a preset whose
convolutions are such loops and whose other ops are the references; before, its gradients are
compared with those of the references.

Sizes: images n, channels c, filters f, kernel kh x kw, output ho x wo; x is padded.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy
from numpy import multiply, ndarray, ndindex, tensordot, zeros, zeros_like

from tests.gpu.networks import model_of
from xpcnn import backend
from xpcnn.benchmark import Case, gradients, opened, serve
from xpcnn.benchmark.sides import Training
from xpcnn.models import preset
from xpcnn.ops.reference.windows import Padding, Pair, pair, sides
from xpcnn.types import Pullback

TOLERANCE = 1e-10


class Way(NamedTuple):
    """forward(x, w) -> y; backward(x, w, dy) -> (dx, dw)."""

    forward: Callable[[ndarray, ndarray], ndarray]
    backward: Callable[[ndarray, ndarray, ndarray], tuple[ndarray, ndarray]]


def numbers(x: ndarray, w: ndarray) -> ndarray:
    """Compute one number of the output after another."""
    y = empty(x, w)
    for n, f, p, q in ndindex(y.shape):
        y[n, f, p, q] = (x[n, :, p : p + w.shape[2], q : q + w.shape[3]] * w[f]).sum()
    return y


def numbers_back(x: ndarray, w: ndarray, dy: ndarray) -> tuple[ndarray, ndarray]:
    dx, dw = zeros_like(x), zeros_like(w)
    for n, f, p, q in ndindex(dy.shape):
        window = (n, slice(None), slice(p, p + w.shape[2]), slice(q, q + w.shape[3]))
        dw[f] += dy[n, f, p, q] * x[window]
        dx[window] += dy[n, f, p, q] * w[f]
    return dx, dw


def pixels(x: ndarray, w: ndarray) -> ndarray:
    """Compute one pixel of the output after another, for the whole batch and all filters."""
    y = empty(x, w)
    for p, q in ndindex(y.shape[2:]):
        window = x[:, :, p : p + w.shape[2], q : q + w.shape[3]]
        y[:, :, p, q] = tensordot(window, w, ((1, 2, 3), (1, 2, 3)))
    return y


def pixels_back(x: ndarray, w: ndarray, dy: ndarray) -> tuple[ndarray, ndarray]:
    dx, dw = zeros_like(x), zeros_like(w)
    for p, q in ndindex(dy.shape[2:]):
        window = (..., slice(p, p + w.shape[2]), slice(q, q + w.shape[3]))
        dw += tensordot(dy[:, :, p, q], x[window], (0, 0))
        dx[window] += tensordot(dy[:, :, p, q], w, (1, 0))
    return dx, dw


def filters_back(x: ndarray, w: ndarray, dy: ndarray) -> tuple[ndarray, ndarray]:
    """Take one pixel and filter after another, for the whole batch."""
    dx, dw = zeros_like(x), zeros_like(w)
    for p, q, f in ndindex(*dy.shape[2:], len(w)):
        window = (..., slice(p, p + w.shape[2]), slice(q, q + w.shape[3]))
        dw[f] += tensordot(dy[:, f, p, q], x[window], 1)
        dx[window] += multiply.outer(dy[:, f, p, q], w[f])
    return dx, dw


def maps(x: ndarray, w: ndarray) -> ndarray:
    """Compute for one image, filter and channel after another the correlation of two maps."""
    y = empty(x, w)
    ho, wo = y.shape[2:]
    for n, f, c in ndindex(len(x), *w.shape[:2]):
        for i, j in ndindex(w.shape[2:]):
            y[n, f] += w[f, c, i, j] * x[n, c, i : i + ho, j : j + wo]
    return y


def maps_back(x: ndarray, w: ndarray, dy: ndarray) -> tuple[ndarray, ndarray]:
    dx, dw = zeros_like(x), zeros_like(w)
    ho, wo = dy.shape[2:]
    for n, f, c in ndindex(len(x), *w.shape[:2]):
        for i, j in ndindex(w.shape[2:]):
            dw[f, c, i, j] += (x[n, c, i : i + ho, j : j + wo] * dy[n, f]).sum()
            dx[n, c, i : i + ho, j : j + wo] += w[f, c, i, j] * dy[n, f]
    return dx, dw


WAYS = {
    "numbers": Way(numbers, numbers_back),
    "pixels": Way(pixels, pixels_back),
    "pixels, filters back": Way(pixels, filters_back),
    "maps": Way(maps, maps_back),
}


def empty(x: ndarray, w: ndarray) -> ndarray:
    """Return zeros in the shape of the output."""
    (n, _, h, width), (f, _, kh, kw) = x.shape, w.shape
    return zeros((n, f, h - kh + 1, width - kw + 1), x.dtype)


def conv2d_in(way: Way) -> Callable[..., Any]:
    """Return a kernel for the op `conv2d`."""

    def conv2d(
        x: ndarray,
        w: ndarray,
        b: ndarray | None = None,
        *,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
    ) -> tuple[ndarray, Pullback]:
        assert (pair(stride), pair(dilation), groups) == ((1, 1), (1, 1), 1)
        (top, bottom), (left, right) = sides(padding, x.shape[2:], w.shape[2:], (1, 1), (1, 1))
        padded = numpy.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        y = way.forward(padded, w)
        if b is not None:
            y += b.reshape(1, -1, 1, 1)

        def pullback(dy: ndarray, wants: Sequence[bool] | None = None) -> tuple[ndarray, ...]:
            dx, dw = way.backward(padded, w, dy)
            inside = dx[:, :, top : top + x.shape[2], left : left + x.shape[3]]
            return inside, dw, dy.sum(axis=(0, 2, 3))

        return y, pullback

    return conv2d


def side(name: str, batch: int, way: str) -> Training:
    """Return training steps of a preset with convolutions in that way, its gradients verified."""
    model, x, labels = opened(Case(name, batch, "train"))
    plain = model_of(preset(name), model.backend, "float64")
    found = []
    for kernels in ({}, {"conv2d": conv2d_in(WAYS[way])}):
        backend._kernels[numpy.ndarray] = kernels
        found.append(gradients(plain, x[:2], labels[:2])[1])
    for path, want in found[0].items():
        far = abs(found[1][path] - want).max() / abs(want).max()
        assert far <= TOLERANCE, f"gradient of {path}: off by {far} of its largest"
    return Training(model, x, labels)


if __name__ == "__main__":
    serve(side)
