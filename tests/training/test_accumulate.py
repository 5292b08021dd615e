"""Gradients of several batches in one update: as one batch of so many times the size."""

from typing import Any

import numpy
import pytest

from tests.lib import Lib
from tests.training.linear import linear, rows
from xpcnn import Model
from xpcnn.layers import BatchNorm, Dense, Dropout, Layer, ReLU
from xpcnn.optimizers import SGD, Adam
from xpcnn.training import History
from xpcnn.types import flatten

LAYERS: list[Layer] = [Dense(6), ReLU(), Dense(3)]


def trained(layers: list[Layer], backend: Any = "numpy", **options: Any) -> tuple[Any, History]:
    """Return all parameters in a row, and the history."""
    model = Model(layers, input_shape=(4,), dtype="float64", backend=backend)
    history = model.fit(rows(22), epochs=3, **options)
    arrays = flatten(model.host_arrays(model.params)).values()
    return numpy.concatenate([x.ravel() for x in arrays]), history


def test_two_samples_by_hand() -> None:
    """The gradient at zero weights is the mean of (p - y)·x, p = 1/3: here x = ±1, y = 0 and 1."""
    x, labels = numpy.asarray([[1.0, 1, 1, 1], [-1, -1, -1, -1]], "f4"), numpy.asarray([0, 1])
    model = linear(classes=["a", "b", "c"])
    model.params = {"layers.0": {"weight": numpy.zeros((4, 3)), "bias": numpy.zeros(3)}}
    model.fit((x, labels), epochs=1, batch_size=1, accumulate=2, optimizer=SGD(1.0))
    got = model.params["layers.0"]
    # mean of (-2/3, 1/3, 1/3) and -(1/3, -2/3, 1/3), and without x of the second
    assert numpy.allclose(got["weight"], [[0.5, -0.5, 0.0]] * 4, rtol=0, atol=1e-12)
    assert numpy.allclose(got["bias"], [1 / 6, 1 / 6, -1 / 3], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "together"),
    [
        (2, 4),  # of 11 batches, the last group has 3
        (4, 2),  # the last batch has 2 samples
        (5, 3),  # both: groups of 5 + 5 + 5 and 5 + 2
    ],
)
@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.01)], ids=["sgd", "adam"])
def test_as_one_batch(size: int, together: int, optimizer: Any, lib: Lib) -> None:
    """What comes after the gradients (clipping, L1, average, schedule) sees one gradient."""
    changes = {"optimizer": optimizer, "clip_norm": 0.3, "l1": 1e-3, "ema": 0.5}
    got, history = trained(LAYERS, lib.backend, batch_size=size, accumulate=together, **changes)
    expected, other = trained(LAYERS, batch_size=size * together, **changes)
    numpy.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    numpy.testing.assert_allclose(history["loss"], other["loss"], rtol=1e-12)
    assert [history[name] for name in ("accuracy", "step", "lr")] == [
        other[name] for name in ("accuracy", "step", "lr")
    ]


def test_more_than_an_epoch_is_an_epoch() -> None:
    got, history = trained(LAYERS, batch_size=4, accumulate=100)
    numpy.testing.assert_allclose(got, trained(LAYERS, batch_size=22)[0], rtol=0, atol=1e-12)
    assert history["step"] == [1, 2, 3]


def test_batch_norm_sees_each_batch_alone() -> None:
    layers: list[Layer] = [Dense(6), BatchNorm(), Dense(3)]
    got, _ = trained(layers, batch_size=11, accumulate=2)
    expected, _ = trained(layers, batch_size=22)
    assert abs(got - expected).max() > 1e-3


def test_random_numbers_count_the_batches() -> None:
    steps: list[int] = []

    class Seen(Dropout):
        def forward(self, *args: Any) -> Any:
            steps.append(args[-1].forward_pass)
            return super().forward(*args)

    model = Model([Seen(0.5), Dense(3)], input_shape=(4,))
    model.fit(rows(22), epochs=2, batch_size=5, accumulate=3)
    assert steps == list(range(1, 11))
