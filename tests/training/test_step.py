"""The training step: it waits for nothing, and trains alike on every library."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy
import pytest

import xpcnn
from tests.conformance.case_results import numpy_kernels
from tests.lib import Lib
from xpcnn import Model, backend
from xpcnn.data import augment
from xpcnn.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.optimizers import SGD, AdamW
from xpcnn.schedules import Cosine, Plateau
from xpcnn.training import Callback, Epoch


def network() -> Sequential:
    return Sequential(
        [
            Conv2D(4, 3, padding="same"),
            BatchNorm(),
            ReLU(),
            MaxPool2D(2),
            Residual(Sequential([Conv2D(4, 3, padding="same"), ReLU()])),
            Flatten(),
            Dropout(0.25),
            Dense(10),
        ]
    )


@cache
def digits(n: int) -> xpcnn.data.Dataset:
    return xpcnn.data.load("digits")[0].subset(numpy.arange(n))


class Pulls:
    """Counts the values that are read from strict arrays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        array_type = backend.load("array_api_strict").array_type
        for name in ("__bool__", "__float__", "__int__", "__index__", "__complex__"):
            monkeypatch.setattr(array_type, name, self._counting(getattr(array_type, name)))

    def _counting(self, method: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def counted(x: Any) -> Any:
            self.count += 1
            return method(x)

        return counted


@pytest.fixture
def pulls(monkeypatch: pytest.MonkeyPatch) -> Pulls:
    pytest.importorskip("array_api_strict")
    return Pulls(monkeypatch)


class CountPerEpoch(Callback):
    """Keeps how many values had been read after every step and epoch."""

    def __init__(self, pulls: Pulls) -> None:
        self.pulls = pulls
        self.at_steps: list[int] = []
        self.at_epochs: list[int] = []

    def on_step(self, step: int) -> None:
        self.at_steps.append(self.pulls.count)

    def on_epoch_end(self, record: Epoch) -> None:
        self.at_epochs.append(self.pulls.count)


@pytest.mark.parametrize(
    ("optimizer", "changes"),
    [
        (SGD(0.05, momentum=0.9), []),
        (AdamW(1e-3), []),
        (AdamW(1e-3), [augment.make(name) for name in augment.BY_NAME]),
    ],
)
def test_a_step_reads_no_value_from_the_device(
    pulls: Pulls, optimizer: xpcnn.optimizers.Optimizer, changes: list[augment.Augmentation]
) -> None:
    model = Model(network(), input_shape=(1, 8, 8), backend="array_api_strict")
    counter = CountPerEpoch(pulls)
    model.fit(
        digits(20),
        epochs=2,
        batch_size=8,
        optimizer=optimizer,
        clip_norm=1.0,
        augment=changes,
        callbacks=[counter],
    )
    assert counter.at_steps == [0, 0, 0, 3, 3, 3]
    assert counter.at_epochs == [3, 6]  # loss, hits and whether all is finite, once per epoch


def test_nor_does_it_with_every_option(pulls: Pulls) -> None:
    """A validation reads whether all is finite, its loss and its hits."""
    model = Model(network(), input_shape=(1, 8, 8), backend="array_api_strict")
    counter = CountPerEpoch(pulls)
    model.fit(
        digits(20),
        epochs=2,
        batch_size=4,
        accumulate=2,
        validation=digits(12),
        validate_every=2,
        keep_best=True,
        monitor="val_accuracy",
        patience=9,
        max_steps=9,
        max_seconds=99,
        clip_value=1.0,
        l1=1e-4,
        ema=0.9,
        layer_lr={"layers.0.*": 0.5},
        freeze=["layers.1.*"],
        schedule=Plateau(0),
        warmup=3,
        callbacks=[counter],
    )
    # the end of an epoch reads the same three of the epoch, and a validation's
    assert counter.at_steps == [0, 0, 3, 9, 12, 12]
    assert counter.at_epochs == [9, 18]


def test_the_counter_counts(pulls: Pulls) -> None:
    x = backend.load("array_api_strict").from_host(numpy.ones(()))
    assert float(x) == 1.0
    assert bool(x > 0)
    assert pulls.count == 2


def run(library: backend.Backend) -> xpcnn.training.History:
    model = Model(network(), input_shape=(1, 8, 8), backend=library, dtype="float64")
    return model.fit(
        digits(40),
        epochs=3,
        batch_size=16,
        validation=digits(12),
        optimizer=SGD(0.05, momentum=0.9),
        schedule=Cosine(),
    )


@cache
def reference_run() -> xpcnn.training.History:
    library = backend.load("numpy")
    with numpy_kernels(present=False):
        return run(library)


def test_the_same_run_on_every_library(lib: Lib) -> None:
    """Same seed: same weights, shuffles and dropout, so that losses differ by rounding alone."""
    history, expected = run(lib.backend), reference_run()
    for figure in ("loss", "val_loss"):
        numpy.testing.assert_allclose(history[figure], expected[figure], rtol=1e-9)
    assert history["accuracy"] == expected["accuracy"]


def test_same_seed_same_bits() -> None:
    runs = []
    for _ in range(2):
        model = Model(network(), input_shape=(1, 8, 8), seed=3)
        model.fit(digits(40), epochs=2, batch_size=16)
        runs.append(xpcnn.types.flatten(model.params))
    assert all(
        a.tobytes() == b.tobytes() for a, b in zip(runs[0].values(), runs[1].values(), strict=True)
    )
    other = Model(network(), input_shape=(1, 8, 8), seed=4)
    other.fit(digits(40), epochs=2, batch_size=16)
    assert runs[0]["layers.7.weight"].tobytes() != other.params["layers.7"]["weight"].tobytes()
