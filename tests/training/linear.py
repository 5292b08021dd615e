"""A linear classifier of rows, and what its training computes, written out in NumPy."""

from collections.abc import Iterator
from typing import Any

import numpy

from tests.lib import Host
from xpcnn import Model, random
from xpcnn.layers import Dense

CLASSES = 3


def rows(n: int, seed: int = 0) -> tuple[Host, Host]:
    """Return samples (n, 4) and labels that depend on them."""
    x = numpy.random.default_rng(seed).standard_normal((n, 4)).astype("f4")
    return x, numpy.argmax(x[:, :CLASSES], axis=1)


def linear(**options: Any) -> Model:
    return Model([Dense(CLASSES)], input_shape=(4,), dtype="float64", **options)


def weights(model: Model) -> list[Host]:
    """Return copies of weight and bias."""
    layer = model.host_arrays(model.params)["layers.0"]
    return [layer["weight"].copy(), layer["bias"].copy()]


def batches(
    model: Model, data: tuple[Host, Host], epochs: int, size: int
) -> Iterator[tuple[Host, Host]]:
    """Yield the normalised batches of a run by a model that has been trained."""
    x = (data[0] - numpy.asarray(model.mean)) / numpy.asarray(model.std)
    for epoch in range(1, epochs + 1):
        order = random.permutation(model.seed, len(x), epoch)
        for start in range(0, len(x), size):
            chosen = order[start : start + size]
            yield x[chosen], data[1][chosen]


def gradients(p: list[Host], x: Host, labels: Host) -> list[Host]:
    """Return the gradients of the mean cross-entropy."""
    e = numpy.exp(x @ p[0] + p[1])
    d = (e / e.sum(axis=1, keepdims=True) - numpy.eye(CLASSES)[labels]) / len(x)
    return [x.T @ d, d.sum(axis=0)]


def loss(p: list[Host], x: Host, labels: Host) -> float:
    """Return the mean cross-entropy."""
    e = numpy.exp(x @ p[0] + p[1])
    return float(-numpy.log((e / e.sum(axis=1, keepdims=True))[range(len(x)), labels]).mean())


def close(got: list[Host], expected: list[Host]) -> bool:
    return all(numpy.allclose(g, e, rtol=0, atol=1e-12) for g, e in zip(got, expected, strict=True))
