"""Weights in losses: of classes, of the yes of each label, balanced by counts."""

import math
from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import losses
from xpcnn.errors import ConfigError
from xpcnn.losses import (
    L1,
    MSE,
    BCEWithLogits,
    Focal,
    Huber,
    SoftmaxCrossEntropy,
)


def test_class_weights(lib: Lib) -> None:
    loss, _ = SoftmaxCrossEntropy(class_weights=(1.0, 3.0))(
        lib.asarray([[0.0, 0.0], [math.log(3), 0.0]]), lib.asarray([0, 1])
    )
    assert_same(loss, (math.log(2) + 3 * math.log(4)) / 4, lib)


def test_positive_weights(lib: Lib) -> None:
    """-log s(log 3) = log(4/3) counts three times, -log(1 - s(0)) = log 2 once."""
    loss, back = BCEWithLogits(positive_weights=(3.0, 3.0))(
        lib.asarray([[0.0, math.log(3)]]), lib.asarray([1])
    )
    assert_same(loss, (math.log(2) + 3 * math.log(4 / 3)) / 2, lib)
    assert_same(back(lib.asarray(1.0)), [[0.25, -0.375]], lib)


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
    assert balanced(MSE(class_weights="balanced"), [4, 2], 1) == MSE(class_weights=(0.75, 1.5))
    both = Focal(class_weights="balanced", positive_weights="balanced")
    assert balanced(both, [4, 2], 1) == Focal(class_weights=(0.75, 1.5), positive_weights=(2.0,))
    for loss in (SoftmaxCrossEntropy(class_weights=(1.0, 2.0)), MSE()):
        assert balanced(loss, [4, 2], 2) is loss
    with pytest.raises(ConfigError, match=r"^class_weights='balanced': class 1 has no training"):
        balanced(SoftmaxCrossEntropy(class_weights="balanced"), [4, 0], 2)


def test_balanced_weights_are_not_known_before_training() -> None:
    scores, labels = numpy.zeros((2, 2), numpy.float32), numpy.asarray([0, 1])
    with pytest.raises(ConfigError, match="class_weights='balanced' is computed by"):
        SoftmaxCrossEntropy(class_weights="balanced")(scores, labels)


@pytest.mark.parametrize(
    ("loss", "outputs", "text"),
    [
        (SoftmaxCrossEntropy(class_weights=(1, 2)), 3, "2 class_weights for 3 outputs"),
        (BCEWithLogits(positive_weights=(1, 2)), 3, "2 positive_weights for 3 outputs"),
        (
            Huber(class_weights=(1, 2)),
            3,
            "2 class_weights for 3 outputs\nTry: class_weights with 3",
        ),
    ],
)
def test_as_many_weights_as_outputs(loss: losses.Loss, outputs: int, text: str) -> None:
    losses.check_weights(loss, outputs - 1)
    with pytest.raises(ConfigError, match=text):
        losses.check_weights(loss, outputs)
    losses.check_weights(BCEWithLogits(positive_weights=(2.0,)), outputs)  # serves all


ELEMENTWISE: list[Any] = [BCEWithLogits, Focal, MSE, L1, Huber]


@pytest.mark.parametrize("kind", ELEMENTWISE)
@pytest.mark.parametrize("outputs", [1, 2])
def test_weights_of_classes_are_weights_of_samples(kind: Any, outputs: int, lib: Lib) -> None:
    """And the loss is the mean of the samples' losses times their weights."""
    rng = numpy.random.default_rng(1)
    raw, classes = rng.normal(size=(4, outputs)), numpy.asarray([1, 0, 1, 1])
    scores, labels = lib.asarray(raw), lib.asarray(classes)
    one = lib.asarray(1.0)
    loss, back = kind(class_weights={0: 3.0, 1: 0.5})(scores, labels)
    weights = numpy.asarray([0.5, 3.0, 0.5, 0.5])
    given = losses.with_weights(labels, lib.asarray(weights), outputs)
    expected, expected_back = kind()(scores, given)
    assert_same(loss, lib.to_host(expected), lib)
    assert_same(back(one), lib.to_host(expected_back(one)), lib)
    each = [
        kind()(lib.asarray(raw[i : i + 1]), lib.asarray(classes[i : i + 1]))[0] for i in range(4)
    ]
    mean = sum(w * float(x) for w, x in zip(weights, each, strict=True)) / 4
    assert_same(loss, mean, lib)
    # both together: the product
    twice, _ = kind(class_weights=(3.0, 0.5))(scores, given)
    squared = losses.with_weights(labels, lib.asarray(weights**2), outputs)
    assert_same(twice, lib.to_host(kind()(scores, squared)[0]), lib)
