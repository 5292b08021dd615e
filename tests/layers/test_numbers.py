"""Hyperparameters of any kind of number: NumPy's own would promote float32 arithmetic."""

import dataclasses
from collections.abc import Callable

import numpy
import pytest

from xpcnn.errors import ConfigError
from xpcnn.initializers import Draw
from xpcnn.layers import (
    ELU,
    AvgPool2D,
    BatchNorm,
    Context,
    Conv2D,
    Dropout,
    Layer,
    LeakyReLU,
    MaxPool2D,
    Reshape,
    Softplus,
)
from xpcnn.losses import BCEWithLogits, SoftmaxCrossEntropy

DOUBLE, WHOLE = numpy.float64, numpy.int64


@pytest.mark.parametrize(
    "layer",
    [
        BatchNorm(momentum=DOUBLE(0.1), eps=DOUBLE(1e-5)),
        LeakyReLU(DOUBLE(0.1)),
        ELU(DOUBLE(0.5)),
        Softplus(DOUBLE(2.0), DOUBLE(9.0)),
        Dropout(DOUBLE(0.5)),
        Conv2D(WHOLE(2), [WHOLE(3), 3], padding=((1, WHOLE(2)), 1), stride=WHOLE(1)),  # type: ignore[arg-type]
        MaxPool2D(WHOLE(2)),  # type: ignore[arg-type]
        AvgPool2D([2, 2]),  # type: ignore[arg-type]
        Reshape([WHOLE(2), -1]),  # type: ignore[arg-type]
    ],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("training", [True, False])
def test_float32_stays(layer: Layer, training: bool) -> None:
    params, buffers, _ = layer.init((2, 4, 4), Draw(0))
    x = numpy.random.default_rng(0).normal(size=(3, 2, 4, 4)).astype(numpy.float32)
    ctx = Context(training, True, 1, lambda path, step, shape: numpy.ones(shape, numpy.float32))
    y, new, pullback = layer.forward(params, buffers, x, ctx)
    dx, grads = pullback(y)
    assert dx is not None
    assert {a.dtype for a in (y, dx, *new.values(), *grads.values())} == {numpy.dtype("float32")}
    fields = dataclasses.astuple(layer)  # type: ignore[call-overload]
    assert "numpy" not in repr([type(field) for field in fields])


def test_losses_keep_float32() -> None:
    scores, labels = numpy.zeros((2, 3), numpy.float32), numpy.asarray([0, 2])
    losses = (
        SoftmaxCrossEntropy(label_smoothing=DOUBLE(0.1), class_weights=(DOUBLE(1), 2, 3)),
        BCEWithLogits(positive_weights=(DOUBLE(2), 1, 1)),
    )
    for loss in losses:
        value, back = loss(scores, labels)
        assert value.dtype == back(numpy.ones_like(value)).dtype == numpy.float32


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        LeakyReLU("a")  # type: ignore[arg-type]
    text = "LeakyReLU: slope must be a finite number, got str\nTry: LeakyReLU(slope=0.01)"
    assert str(caught.value) == text
    with pytest.raises(ConfigError, match=r"^Softplus: beta must be a finite number > 0, got 0\n"):
        Softplus(beta=0)


@pytest.mark.parametrize("layer", [MaxPool2D, AvgPool2D, lambda size: Conv2D(8, size)])
def test_an_array_is_no_size(layer: Callable[[object], Layer]) -> None:
    with pytest.raises(ConfigError, match=r"D: size is array\(\[3, 3\]\), expected a whole number"):
        layer(numpy.array([3, 3]))
