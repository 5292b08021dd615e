"""Weights of samples: by hand, as repeated samples, and as gradients of the weighted mean."""

from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from tests.training.linear import close, gradients, linear, rows, weights
from xpcnn import Model
from xpcnn.data.augment import Mixup
from xpcnn.errors import ConfigError, DataError, DTypeError, ShapeError
from xpcnn.layers import Dense
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy, with_weights
from xpcnn.optimizers import SGD
from xpcnn.training import Checkpoints, replay

LOSSES: list[Loss] = [
    SoftmaxCrossEntropy(),
    SoftmaxCrossEntropy(label_smoothing=0.2),
    BCEWithLogits(),
    BCEWithLogits(positive_weights=(3.0, 1.0, 2.0)),
    MSE(),
]


def test_mse_by_hand(lib: Lib) -> None:
    """(2 (1 - 0)^2 + 0 (5 - 1)^2) / 2, with the gradients 2 * 2 * 1 / 2 and 0."""
    labels = lib.asarray([[0.0, 2.0], [1.0, 0.0]])
    loss, back = MSE()(lib.asarray([[1.0], [5.0]]), labels)
    assert_same(loss, 1.0, lib)
    assert_same(back(lib.asarray(1.0)), [[2.0], [0.0]], lib)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_loss_is_the_mean_of_weighted_samples(lib: Lib, loss: Loss) -> None:
    """loss = (1/n) sum_i w_i loss_i, and the gradient of a row is w_i times its own."""
    rng = numpy.random.default_rng(0)
    scores, w = rng.standard_normal((4, 3)), numpy.asarray([0.5, 2.0, 0.0, 1.5])
    labels = numpy.asarray([0, 2, 1, 2])
    weighted = with_weights(lib.asarray(labels), lib.asarray(w, "float64"), 3)
    value, back = loss(lib.asarray(scores, "float64"), weighted)
    alone = [
        loss(lib.asarray(scores[i : i + 1], "float64"), lib.asarray(labels[i : i + 1]))
        for i in range(4)
    ]
    one = lib.asarray(1.0, "float64")
    host = lib.backend.to_host
    expected = sum(w[i] * float(v) for i, (v, _) in enumerate(alone)) / 4
    rows_alone = [w[i] * host(b(one)) / 4 for i, (_, b) in enumerate(alone)]
    numpy.testing.assert_allclose(float(value), expected, rtol=1e-12)
    numpy.testing.assert_allclose(
        host(back(one)), numpy.concatenate(rows_alone), rtol=1e-12, atol=1e-15
    )


def test_a_weight_of_two_is_a_sample_twice() -> None:
    x, labels = rows(12)
    w = numpy.asarray([2, 1, 1, 3, 1, 2, 1, 1, 1, 1, 2, 1])
    mean, std = [0.0] * 4, [1.0] * 4
    weighted, repeated = linear(), linear()
    for model in (weighted, repeated):
        model.set_normalisation(mean, std)
    options: dict[str, Any] = {"epochs": 3, "batch_size": 100, "optimizer": SGD(0.5, momentum=0.9)}
    first = weighted.fit(x, labels, sample_weights=w, **options)
    second = repeated.fit(x.repeat(w, axis=0), labels.repeat(w), **options)
    assert close(weights(weighted), weights(repeated))
    numpy.testing.assert_allclose(first["loss"], second["loss"], rtol=1e-12)


def test_batches_add_up_to_the_weighted_mean() -> None:
    """The gradients of two batches, accumulated, are that of all samples: w has mean 1 over all."""
    x, labels = rows(8)
    w = numpy.arange(8.0)
    model = linear()
    model.set_normalisation([0.0] * 4, [1.0] * 4)
    before = weights(model)
    model.fit(x, labels, sample_weights=w, epochs=1, batch_size=4, accumulate=2, optimizer=SGD(1.0))
    each = [gradients(before, x[i : i + 1], labels[i : i + 1]) for i in range(8)]
    mean = [sum(w[i] * each[i][k] for i in range(8)) / w.sum() for k in range(2)]
    assert close(weights(model), [b - g for b, g in zip(before, mean, strict=True)])


def test_accuracy_counts_every_sample_as_one() -> None:
    x, labels = rows(40)
    model = linear()
    history = model.fit(x, labels, sample_weights=[*range(1, 41)], epochs=30, health=True)
    assert history["accuracy"][-1] > 0.9


def test_the_case_of_a_diverged_run_can_be_replayed(tmp_path: Path) -> None:
    """Its labels have a column more; see `training.replay_file`."""
    x, labels = rows(8)
    model = Model([Dense(3), Dense(3)], input_shape=(4,))
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(Exception, match="diverged"):
        model.fit(x, labels, sample_weights=range(8), optimizer=SGD(1e30), checkpoints=checkpoints)
    assert "not finite" in str(replay(tmp_path / "not-finite.safetensors"))


def test_resuming_with_other_weights_is_rejected(tmp_path: Path) -> None:
    x, labels = rows(8)
    checkpoints = Checkpoints(tmp_path)
    linear().fit(x, labels, sample_weights=range(8), epochs=1, checkpoints=checkpoints)
    with pytest.raises(ConfigError, match="the sample weights changed"):
        linear().fit(
            x, labels, sample_weights=[1] * 8, epochs=2, checkpoints=checkpoints, resume=True
        )


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            [1.0, 2.0],
            ShapeError,
            "sample_weights have shape (2,), expected (8,)\nTry: one number for each sample",
        ),
        (
            ["a"] * 8,
            DTypeError,
            "sample_weights have dtype <U1, expected numbers\nTry: sample_weights=[1.0, 2.0, ...]",
        ),
        (
            [1.0] * 7 + [-1.0],
            DataError,
            "1 sample_weights are negative, NaN or infinite, the first at 7\n"
            "Try: finite numbers of at least 0",
        ),
        (
            [0] * 8,
            ConfigError,
            "the sample_weights sum to 0, expected a finite number above 0\n"
            "Try: sample_weights=None, for equal weights",
        ),
    ],
    ids=["length", "texts", "negative", "all zero"],
)
def test_bad_weights(given: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        linear().fit(*rows(8), sample_weights=given)
    assert str(caught.value) == text


def test_a_fraction_as_validation_is_rejected() -> None:
    with pytest.raises(ConfigError) as caught:
        linear().fit(*rows(8), sample_weights=[1] * 8, validation=0.25)
    assert str(caught.value) == (
        "sample_weights are given with a fraction of the samples as validation\n"
        "Try: validation=(samples, labels), split off beforehand"
    )


def test_a_class_that_the_loss_ignores_needs_whole_labels() -> None:
    """With floats of labels the class counted, in silence."""
    x, y = numpy.zeros((6, 2), "f4"), numpy.arange(6) % 3
    model = Model([Dense(3)], input_shape=(2,), loss=SoftmaxCrossEntropy(ignore_index=2))
    with pytest.raises(ConfigError) as caught:
        model.fit((x, y), epochs=1, sample_weights=numpy.ones(6))
    assert str(caught.value) == (
        "ignore_index=2 has no effect with sample_weights\n"
        "Try: a sample weight of 0 for samples that do not count"
    )
    with pytest.raises(ConfigError, match="no effect with Mixup, which mixes the classes"):
        model.fit((x, y), epochs=1, augment=[Mixup()])
    model.fit((x, y), epochs=1)
