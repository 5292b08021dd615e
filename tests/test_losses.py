"""Losses as a Model uses them: integer labels, probabilities, decisions."""

import math
from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import losses
from xpcnn.errors import ConfigError
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy, outputs_for


def test_softmax_cross_entropy_by_hand(lib: Lib) -> None:
    loss, back = SoftmaxCrossEntropy()(
        lib.asarray([[0.0, 0.0], [math.log(3), 0.0]]), lib.asarray([0, 0])
    )
    assert_same(loss, (math.log(2) + math.log(4 / 3)) / 2, lib)
    assert_same(back(lib.asarray(1.0)), [[-0.25, 0.25], [-0.125, 0.125]], lib)


def test_class_weights(lib: Lib) -> None:
    loss, _ = SoftmaxCrossEntropy(class_weights=(1.0, 3.0))(
        lib.asarray([[0.0, 0.0], [math.log(3), 0.0]]), lib.asarray([0, 1])
    )
    assert_same(loss, (math.log(2) + 3 * math.log(4)) / 4, lib)


def test_integer_labels_are_yes_and_no_for_bce(lib: Lib) -> None:
    loss, back = BCEWithLogits()(lib.asarray([[0.0, math.log(3)]]), lib.asarray([1]))
    assert_same(loss, (math.log(2) + math.log(4 / 3)) / 2, lib)
    assert_same(back(lib.asarray(1.0)), [[0.25, -0.125]], lib)


def test_positive_weights(lib: Lib) -> None:
    """-log s(log 3) = log(4/3) counts three times, -log(1 - s(0)) = log 2 once."""
    loss, back = BCEWithLogits(positive_weights=(3.0, 3.0))(
        lib.asarray([[0.0, math.log(3)]]), lib.asarray([1])
    )
    assert_same(loss, (math.log(2) + 3 * math.log(4 / 3)) / 2, lib)
    assert_same(back(lib.asarray(1.0)), [[0.25, -0.375]], lib)


def test_integer_labels_are_one_hot_for_mse(lib: Lib) -> None:
    loss, back = MSE()(lib.asarray([[0.5, 0.0]]), lib.asarray([1]))
    assert_same(loss, (0.25 + 1.0) / 2, lib)
    assert_same(back(lib.asarray(1.0)), [[0.5, -1.0]], lib)


def test_a_single_output_is_class_one_or_zero(lib: Lib) -> None:
    scores, labels = lib.asarray([[0.0], [math.log(3)]]), lib.asarray([0, 1])
    loss, _ = BCEWithLogits()(scores, labels)
    assert_same(loss, (math.log(2) + math.log(4 / 3)) / 2, lib)
    assert_same(BCEWithLogits().probabilities(scores), [[0.5, 0.5], [0.25, 0.75]], lib)
    assert_same(BCEWithLogits().decide(scores), [0, 1], lib)
    assert_same(MSE().decide(lib.asarray([[0.4], [0.6]])), [0, 1], lib)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), BCEWithLogits(), MSE()])
def test_the_highest_score_decides(lib: Lib, loss: Loss) -> None:
    assert_same(loss.decide(lib.asarray([[0.1, 0.2, 0.0], [2.0, -1.0, 1.0]])), [1, 0], lib)


def test_float_labels_are_targets(lib: Lib) -> None:
    loss, _ = MSE()(lib.asarray([[1.0], [2.0]]), lib.asarray([[0.0], [0.0]]))
    assert_same(loss, 2.5, lib)


def test_outputs_for() -> None:
    assert outputs_for(SoftmaxCrossEntropy(), 2) == (2,)
    assert outputs_for(BCEWithLogits(), 2) == (1, 2)
    assert outputs_for(MSE(), 3) == (3,)


@pytest.mark.parametrize(
    "weights", [[5, 1, 2], (5.0, 1.0, 2.0), {0: 5, 1: 1, 2: 2}, {2: 2, numpy.int64(0): 5, "1": 1}]
)
def test_class_weights_are_read_in_the_order_of_the_classes(weights: Any) -> None:
    assert SoftmaxCrossEntropy(class_weights=weights).class_weights == (5.0, 1.0, 2.0)
    assert BCEWithLogits(positive_weights=weights).positive_weights == (5.0, 1.0, 2.0)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({1: 5.0, 2: 1.0}, "has the keys 1, 2, expected the classes 0, 1, 2, ..., all"),
        ({"cat": 5.0, "dog": 1.0}, "has the keys 'cat', 'dog', expected the classes 0, 1"),
        ({True: 5.0, False: 1.0}, "has the keys True, False, expected the classes 0, 1"),
        ({}, "has the keys , expected the classes"),
        ((1.0, 0.0), "must be a finite number > 0, got 0"),
        ((1.0, -1.0), "must be a finite number > 0, got -1"),
        ((1.0, math.nan), "must be a finite number > 0, got nan"),
        ("even", "is 'even', expected a list of numbers"),
        (numpy.ones((2, 2)), "must be a finite number > 0, got ndarray"),
    ],
)
def test_class_weights_that_are_rejected(weights: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SoftmaxCrossEntropy(class_weights=weights)
    assert str(caught.value).startswith(f"SoftmaxCrossEntropy: class_weights {text}")
    assert "\nTry: SoftmaxCrossEntropy(class_weights=(1.0, 2.0))" in str(caught.value)


def test_balanced_weights() -> None:
    """n / (k * count): 6 / (2 * 4) and 6 / (2 * 2); (n - count) / count: 2 / 4 and 4 / 2."""
    balanced = losses.balanced
    softmax = balanced(SoftmaxCrossEntropy(class_weights="balanced"), [4, 2], 2)
    assert softmax == SoftmaxCrossEntropy(class_weights=(0.75, 1.5))
    bce = BCEWithLogits(positive_weights="balanced")
    assert balanced(bce, [4, 2], 2) == BCEWithLogits(positive_weights=(0.5, 2.0))
    assert balanced(bce, [4, 2], 1) == BCEWithLogits(positive_weights=(2.0,))
    for loss in (SoftmaxCrossEntropy(class_weights=(1.0, 2.0)), MSE()):
        assert balanced(loss, [4, 2], 2) is loss
    with pytest.raises(ConfigError, match=r"^class_weights='balanced': class 1 has no training"):
        balanced(SoftmaxCrossEntropy(class_weights="balanced"), [4, 0], 2)


def test_balanced_weights_are_not_known_before_training() -> None:
    scores, labels = numpy.zeros((2, 2), numpy.float32), numpy.asarray([0, 1])
    with pytest.raises(ConfigError, match="class_weights='balanced' is computed by"):
        SoftmaxCrossEntropy(class_weights="balanced")(scores, labels)


def test_losses_by_name() -> None:
    assert losses.make("mse") == losses.make("MSE") == MSE()
    assert losses.make("Cross_Entropy", label_smoothing=0.1) == SoftmaxCrossEntropy(
        label_smoothing=0.1
    )
    with pytest.raises(ConfigError, match=r"^unknown loss 'mae'\nTry: 'mse' \(valid: bce, cross-"):
        losses.make("mae")


@pytest.mark.parametrize(
    ("loss", "outputs", "text"),
    [
        (SoftmaxCrossEntropy(class_weights=(1, 2)), 3, "2 class_weights for 3 outputs"),
        (BCEWithLogits(positive_weights=(1, 2)), 3, "2 positive_weights for 3 outputs"),
    ],
)
def test_as_many_weights_as_outputs(loss: losses.Loss, outputs: int, text: str) -> None:
    losses.check_weights(loss, outputs - 1)
    with pytest.raises(ConfigError, match=text):
        losses.check_weights(loss, outputs)
    losses.check_weights(BCEWithLogits(positive_weights=(2.0,)), outputs)  # serves all


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_elementwise_losses_take_any_shape(shape: tuple[int, ...]) -> None:
    rng = numpy.random.default_rng(0)
    scores, targets = rng.normal(size=shape), numpy.asarray(rng.uniform(size=shape))
    loss, pullback = MSE()(numpy.asarray(scores), targets)
    numpy.testing.assert_allclose(loss, ((scores - targets) ** 2).mean(), rtol=1e-14)
    dscores = pullback(numpy.ones_like(loss))
    numpy.testing.assert_allclose(dscores, 2 * (scores - targets) / targets.size, rtol=1e-14)
