"""Losses as a Model uses them: integer labels, probabilities, decisions."""

import math

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
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


def test_class_weights_become_a_tuple() -> None:
    numpy.testing.assert_equal(SoftmaxCrossEntropy(class_weights=[1, 2]).class_weights, (1, 2))  # type: ignore[arg-type]
