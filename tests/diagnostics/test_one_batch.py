"""Diagnostics before a training: one batch memorised, and one update to see that all runs."""

import math

import numpy
import pytest

from tests.lib import Lib
from tests.small_model import Parts, fresh, weights
from tests.training.test_step import digits, network
from xpcnn import Model
from xpcnn.data import load
from xpcnn.diagnostics import DryRun, Overfit, dry_run, overfit_one_batch
from xpcnn.errors import ConfigError, ShapeError, XpcnnError
from xpcnn.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
)
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.optimizers import SGD, Adam
from xpcnn.schedules import OneCycle


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (
            Overfit(True, 43, 32, 2.5, 0.0098, 1.0),
            "the network can learn: after 43 updates on one batch of 32, accuracy is 1.00 and the "
            "loss 0.0098, from 2.5",
        ),
        (
            Overfit(False, 500, 32, 2.5, 0.5, 0.75),
            "the network learns, but does not memorise the batch: after 500 updates on one batch "
            "of 32, accuracy is 0.75 and the loss 0.5, from 2.5. Try: more updates, or the "
            "learning rate that find_lr suggests",
        ),
        (
            Overfit(False, 3, 32, 2.5, math.nan, 0.125),
            "the network does not learn: after 3 updates on one batch of 32, accuracy is 0.12 and "
            "the loss nan, from 2.5. Try: the learning rate that find_lr suggests, then fit(..., "
            "health=True)",
        ),
    ],
)
def test_the_verdict_in_words(verdict: Overfit, text: str) -> None:
    assert str(verdict) == text


def test_a_good_network_knows_one_batch_by_heart(lib: Lib) -> None:
    layers: list[Layer] = [Flatten(), Dense(16), BatchNorm(), ReLU(), Dense(10)]
    model = Model(layers, input_shape=(1, 8, 8), backend=lib.backend)
    before = weights(model)
    verdict = overfit_one_batch(model, digits(20), batch_size=10, optimizer=Adam(0.03))
    assert verdict.learnt
    assert verdict.samples == 10
    assert verdict.accuracy == 1.0
    assert verdict.loss < 0.05 * verdict.start
    assert (weights(model), model.mean) == (before, None)


@pytest.mark.parametrize(
    "layers",
    [
        [Flatten(), Dense(10)],
        [Flatten(), Dense(32), Sigmoid(), Dense(10)],
        [Conv2D(8, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(10)],
        [Conv2D(8, 3), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dense(10)],
    ],
)
@pytest.mark.parametrize("classes", [2, 10])
def test_no_false_alarm_for_small_networks(layers: list[Layer], classes: int) -> None:
    train, _ = load("digits", classes=range(classes))
    model = Model([*layers[:-1], Dense(classes)], input_shape=(1, 8, 8))
    assert overfit_one_batch(model, train).learnt


def test_a_trained_network_is_no_alarm() -> None:
    train, _ = load("digits", limit=100)
    model = Model([Flatten(), Dense(10)], input_shape=(1, 8, 8))
    model.fit(train, epochs=100, optimizer=Adam(0.01))
    verdict = overfit_one_batch(model, train)
    assert verdict.start < 0.05
    assert (verdict.learnt, verdict.updates) == (True, 0)


def test_dropout_and_label_smoothing_take_no_part() -> None:
    inner = Residual(Sequential([Dense(32), ReLU(), Dropout(0.9)]))
    model = Model(
        [Flatten(), Dense(32), inner, Dropout(0.9), Dense(10)],
        input_shape=(1, 8, 8),
        loss=SoftmaxCrossEntropy(label_smoothing=0.3),
    )
    assert overfit_one_batch(model, digits(40), optimizer=Adam(0.01)).learnt
    assert model.loss == SoftmaxCrossEntropy(label_smoothing=0.3)
    assert isinstance(model.layers, Sequential)
    assert model.layers.layers[3] == Dropout(0.9)


def test_a_network_that_cannot_learn() -> None:
    hidden = [layer for _ in range(12) for layer in (Dense(16), Sigmoid())]
    model = Model([Flatten(), *hidden, Dense(10)], input_shape=(1, 8, 8))
    verdict = overfit_one_batch(model, digits(40), updates=50)
    assert not verdict.learnt
    assert verdict.updates == 50
    assert str(verdict).startswith("the network does not learn: after 50 updates")


def test_a_rate_too_high_is_a_verdict_and_no_error() -> None:
    model = Model(network(), input_shape=(1, 8, 8), dtype="float32")
    verdict = overfit_one_batch(model, digits(40), optimizer=SGD(1e30))
    assert not verdict.learnt
    assert verdict.updates < 10
    assert not math.isfinite(verdict.loss)


def test_a_dry_run_changes_nothing(lib: Lib) -> None:
    model = Model(network(), input_shape=(1, 8, 8), backend=lib.backend)
    before = weights(model)
    run = dry_run(
        model, digits(40), validation=digits(12), batch_size=16, epochs=3, schedule=OneCycle()
    )
    assert (weights(model), model.mean, model.classes) == (before, None, None)
    assert run.updates == 9
    assert run.expected == math.log(10)
    assert run.val_loss is not None
    assert run.seconds > 0.0


def test_a_dry_run_sees_the_first_step_of_training(parts: Parts) -> None:
    model = fresh()
    run = dry_run(model, parts[0], max_steps=1, validation=0.1)
    history = model.fit(parts[0], epochs=1, max_steps=1, validation=0.1)
    assert run.loss == history["loss"][0]
    assert run.updates == 1
    assert dry_run(model, parts[0]).val_loss is None


def test_a_dry_run_in_words() -> None:
    run = DryRun(0.02, 1000, 2.5, math.log(10), 2.25, {"peak_rss": 64_000_000})
    assert str(run) == (
        "an update takes 0.02 s, all 1,000 of them 20 s; loss 2.500 (chance level: 2.303); "
        "val loss 2.250; memory: peak 64 MB"
    )
    assert str(DryRun(0.02, 1000, 2.5, None, None, {})).endswith("20 s; loss 2.500")
    assert "all 15 of them 0.30 s;" in str(DryRun(0.02, 15, 2.5, None, None, {}))


def test_errors() -> None:
    with pytest.raises(ConfigError, match="updates is 0, expected a whole number of at least 1"):
        overfit_one_batch(fresh(), digits(8), updates=0)
    with pytest.raises(ShapeError, match="the model expects"):
        overfit_one_batch(fresh(), (numpy.zeros((4, 1, 9, 9), "f4"), [0, 1, 2, 3]))
    with pytest.raises(XpcnnError, match="a value is not finite after one update\nTry: fit"):
        dry_run(fresh(), digits(8), optimizer=SGD(1e39))
