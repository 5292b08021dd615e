"""Losses as a Model uses them: integer labels, probabilities, decisions."""

import math
from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import losses
from xpcnn.errors import ConfigError
from xpcnn.layers import Dense
from xpcnn.losses import (
    L1,
    MSE,
    BCEWithLogits,
    Focal,
    Huber,
    Loss,
    SoftmaxCrossEntropy,
    outputs_for,
)
from xpcnn.model import Model


def test_softmax_cross_entropy_by_hand(lib: Lib) -> None:
    loss, back = SoftmaxCrossEntropy()(
        lib.asarray([[0.0, 0.0], [math.log(3), 0.0]]), lib.asarray([0, 0])
    )
    assert_same(loss, (math.log(2) + math.log(4 / 3)) / 2, lib)
    assert_same(back(lib.asarray(1.0)), [[-0.25, 0.25], [-0.125, 0.125]], lib)


def test_integer_labels_are_yes_and_no_for_bce(lib: Lib) -> None:
    loss, back = BCEWithLogits()(lib.asarray([[0.0, math.log(3)]]), lib.asarray([1]))
    assert_same(loss, (math.log(2) + math.log(4 / 3)) / 2, lib)
    assert_same(back(lib.asarray(1.0)), [[0.25, -0.125]], lib)


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


@pytest.mark.parametrize(
    "loss", [SoftmaxCrossEntropy(), BCEWithLogits(), Focal(), MSE(), L1(), Huber()]
)
def test_the_highest_score_decides(lib: Lib, loss: Loss) -> None:
    assert_same(loss.decide(lib.asarray([[0.1, 0.2, 0.0], [2.0, -1.0, 1.0]])), [1, 0], lib)


def test_float_labels_are_targets(lib: Lib) -> None:
    loss, _ = MSE()(lib.asarray([[1.0], [2.0]]), lib.asarray([[0.0], [0.0]]))
    assert_same(loss, 2.5, lib)


def test_outputs_for() -> None:
    assert outputs_for(SoftmaxCrossEntropy(), 2) == (2,)
    assert outputs_for(BCEWithLogits(), 2) == (1, 2)
    assert outputs_for(MSE(), 3) == (3,)


def test_losses_by_name() -> None:
    assert losses.make("mse") == losses.make("MSE") == MSE()
    assert losses.make("Cross_Entropy", label_smoothing=0.1) == SoftmaxCrossEntropy(
        label_smoothing=0.1
    )
    assert losses.make("huber", delta=2) == Huber(delta=2.0)
    for name, ours in (("mae", "l1"), ("SmoothL1Loss", "huber"), ("focal_loss", "focal")):
        with pytest.raises(ConfigError, match=rf"^unknown loss '{name}'\nTry: '{ours}'"):
            losses.make(name)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_elementwise_losses_take_any_shape(shape: tuple[int, ...]) -> None:
    rng = numpy.random.default_rng(0)
    scores, targets = rng.normal(size=shape), numpy.asarray(rng.uniform(size=shape))
    loss, pullback = MSE()(numpy.asarray(scores), targets)
    numpy.testing.assert_allclose(loss, ((scores - targets) ** 2).mean(), rtol=1e-14)
    dscores = pullback(numpy.ones_like(loss))
    numpy.testing.assert_allclose(dscores, 2 * (scores - targets) / targets.size, rtol=1e-14)


def test_focal_by_hand(lib: Lib) -> None:
    """The yes with s = 3/4 counts (1/4)² of log(4/3), the no with s = 1/2 (1/2)² of log 2."""
    scores, labels = lib.asarray([[0.0, math.log(3)]]), lib.asarray([1])
    loss, back = Focal()(scores, labels)
    yes, no = math.log(4 / 3) / 16, math.log(2) / 4
    assert_same(loss, (yes + no) / 2, lib)
    # the no: s² (s + 2 (1 - s) log 2); the yes: -(1 - s)² (1 - s + 2 s log(4/3))
    slopes = (0.5 + math.log(2)) / 4, -(0.25 + 1.5 * math.log(4 / 3)) / 16
    assert_same(back(lib.asarray(1.0)), [[slopes[0] / 2, slopes[1] / 2]], lib)
    assert_same(Focal(gamma=0)(scores, labels)[0], (math.log(4 / 3) + math.log(2)) / 2, lib)
    assert_same(Focal(gamma=1, positive_weights=(3,))(scores, labels)[0], (6 * yes + no), lib)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_as_pytorch_differentiates_it(gamma: float) -> None:
    torch = pytest.importorskip("torch")
    rng = numpy.random.default_rng(0)
    scores, targets = (
        3 * rng.normal(size=(6, 4)),
        (rng.uniform(size=(6, 4)) > 0.6).astype("float64"),
    )
    x = torch.asarray(scores, requires_grad=True)
    s, t = torch.sigmoid(x), torch.asarray(targets)
    p = s * t + (1 - s) * (1 - t)
    expected = (-((1 - p) ** gamma) * torch.log(p)).mean()
    expected.backward()
    loss, back = Focal(gamma=gamma)(scores, targets)
    numpy.testing.assert_allclose(loss, expected.item(), rtol=1e-12)
    numpy.testing.assert_allclose(back(numpy.ones(())), x.grad.numpy(), rtol=1e-10, atol=1e-14)


def test_focal_far_out() -> None:
    """Where a score is surely right nothing is left of it, where it is surely wrong all."""
    scores, targets = numpy.asarray([[800.0, -800.0]]), numpy.asarray([[1.0, 1.0]])
    loss, back = Focal()(scores, targets)
    assert float(loss) == 400.0
    assert back(numpy.ones(())).tolist() == [[0.0, -0.5]]


def test_distances_by_hand(lib: Lib) -> None:
    scores, labels = lib.asarray([[0.5], [3.0], [2.0]]), lib.asarray([[0.0], [0.0], [2.0]])
    loss, back = L1()(scores, labels)
    assert_same(loss, 3.5 / 3, lib)
    assert_same(back(lib.asarray(3.0)), [[1.0], [1.0], [0.0]], lib)
    loss, back = Huber(delta=2)(scores, labels)
    assert_same(loss, (0.125 + 4.0) / 3, lib)  # 0.5²/2, 2 (3 - 1)
    assert_same(back(lib.asarray(3.0)), [[0.5], [2.0], [0.0]], lib)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            (Focal, {"gamma": -1}),
            "Focal: gamma must be a finite number >= 0, got -1\nTry: Focal(ga",
        ),
        ((Huber, {"delta": 0}), "Huber: delta must be a finite number > 0, got 0\nTry: Huber(del"),
        ((L1, {"class_weights": (1, 0)}), "L1: class_weights must be a finite number > 0, got 0\n"),
        ((MSE, {"class_weights": "x"}), "MSE: class_weights is 'x', expected a list of numbers\n"),
    ],
)
def test_bad_options(options: Any, text: str) -> None:
    kind, given = options
    with pytest.raises(ConfigError) as caught:
        kind(**given)
    assert str(caught.value).startswith(text)


def test_an_object_without_a_method_of_a_loss_is_rejected() -> None:
    class Undecided:
        def __call__(self, scores: object, labels: object) -> None: ...
        def probabilities(self, scores: object) -> None: ...

    message = (
        r"Undecided.*, which has no method 'decide'\nTry: the three methods of xpcnn.losses.Loss"
    )
    with pytest.raises(ConfigError, match=message):
        Model([Dense(2)], input_shape=(3,), loss=Undecided())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "loss",
    [
        SoftmaxCrossEntropy(class_weights=(1.0, 5.0, 2.0)),
        SoftmaxCrossEntropy(ignore_index=2),
        MSE(class_weights=(1.0, 5.0, 2.0)),
    ],
    ids=str,
)
def test_the_loss_of_an_evaluation_is_that_of_all_samples(loss: Loss) -> None:
    """However they are cut into batches, of which the loss may ignore a whole one."""
    x, y = numpy.arange(21, dtype="f4").reshape(7, 3) / 10, numpy.asarray([0, 1, 2, 2, 0, 1, 1])
    model = Model([Dense(3)], input_shape=(3,), loss=loss, dtype="float64")
    expected = float(loss(model.network.scores(x.astype("f8")), y)[0])
    for size in (7, 3, 1):
        assert model.evaluate((x, y), batch_size=size)["loss"] == pytest.approx(expected, rel=1e-12)


def test_a_batch_that_the_loss_ignores_changes_nothing() -> None:
    x, y = numpy.arange(12, dtype="f4").reshape(4, 3), numpy.asarray([2, 0, 2, 2])
    model = Model([Dense(3)], input_shape=(3,), loss=SoftmaxCrossEntropy(ignore_index=2))
    model.set_normalisation((0.0,) * 3, (1.0,) * 3)
    before = model.get_weights()["layers.0.weight"]
    history = model.fit((x, y), epochs=1, batch_size=1, optimizer="sgd")
    assert history["step"] == [4]
    assert math.isfinite(history["loss"][0])
    alone = Model([Dense(3)], input_shape=(3,), loss=SoftmaxCrossEntropy(ignore_index=2))
    alone.set_normalisation((0.0,) * 3, (1.0,) * 3)
    alone.fit((x[1:2], y[1:2]), epochs=1, batch_size=1, optimizer="sgd")
    after = model.get_weights()["layers.0.weight"]
    assert (after != before).any()
    numpy.testing.assert_array_equal(after, alone.get_weights()["layers.0.weight"])


def test_a_field_of_the_name_divisor_is_no_method() -> None:
    class Scaled(MSE):
        divisor = 2.0

    model = Model([Dense(2)], input_shape=(3,), loss=Scaled())
    x, y = numpy.arange(12, dtype="f4").reshape(4, 3), numpy.asarray([0, 1, 0, 1])
    assert math.isfinite(model.fit((x, y), epochs=1)["loss"][0])
    assert math.isfinite(model.evaluate((x, y))["loss"])
