"""A loss that jumps and overfitting are told, from the figures of the epochs alone."""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.training.test_health_of_runs import WELL, dense
from tests.training.test_resume import InterruptAfter
from tests.training.test_step import digits
from xpcnn import Model
from xpcnn.errors import HealthWarning
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.optimizers import SGD
from xpcnn.training import Checkpoints, Epoch
from xpcnn.training.curve_findings import guessing_loss, jump, overfitting

LN10 = math.log(10)


def epochs(
    losses: Sequence[float], accuracy: float = 0.5, val: Sequence[tuple[float, float]] = ()
) -> list[Epoch]:
    """Return epochs of 32 updates; val: losses and accuracies of the validation part."""
    made = []
    for i, loss in enumerate(losses):
        val_loss, val_accuracy = val[i] if val else (None, None)
        figures = (loss, accuracy, val_loss, val_accuracy, 0.05, 1.0, 1.0)
        made.append(Epoch(i + 1, *figures, step=32 * (i + 1)))
    return made


def jumped(*losses: float, ended: bool = False) -> str | None:
    found = jump(epochs(losses), LN10, ended)
    return None if found is None else str(found)


def test_a_jump_has_its_epoch_its_numbers_and_advice() -> None:
    assert jumped(1.7, 0.39, 3.73, 2.3) == (
        "health: a loss that jumped in epoch 3 (updates 65 to 96): it was 0.39, rose to 3.73 and "
        "has not come back below 2.3, that of guessing. Try: a third of the learning rate, "
        "warmup=0.1 or clip_norm=1.0"
    )


def test_a_jump_before_anything_was_learnt() -> None:
    assert jumped(20.4, 2.31, 2.3) == (
        "health: a loss that jumped in epoch 1 (updates 1 to 32): its mean there is 20.4, and it "
        "has not come below 2.3, that of guessing. Try: a third of the learning rate, warmup=0.1 "
        "or clip_norm=1.0"
    )


def test_a_jump_in_the_last_epoch_is_told() -> None:
    assert jumped(1.7, 0.39, 2.2) is None
    assert jumped(1.7, 0.39, 2.2, ended=True) is not None


def test_what_is_no_jump() -> None:
    assert jumped(1.7, 0.39, 3.73, 0.8) is None  # it came back
    assert jumped(1.7, 0.39, 2.1, 2.1) is None  # worse, but not at chance
    assert jumped(2.4, 2.31, 2.3, 2.3, ended=True) is None  # slow to learn
    assert jumped(2.2, 2.12, 2.2, 2.2, ended=True) is None  # hardly anything learnt
    assert jumped(30.0) is None  # a beginning
    assert jumped(4.0, 2.3, 2.3, ended=True) is None  # initial weights that are large
    assert jumped(30.0, 29.0, 28.0, ended=True) is None  # larger ones, and a rate that is small
    assert jump(epochs([2.0, 2.3, 2.3])[:1], LN10, True) is None  # few updates
    assert jump(epochs([1.7, 0.39, 3.7, 2.3]), None, True) is None  # a loss that is not known


def test_the_loss_of_guessing() -> None:
    even, rare = numpy.arange(40) % 10, numpy.array([0, 0, 0, 1])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    cases: list[tuple[Loss, numpy.ndarray, int, float | None]] = [
        (SoftmaxCrossEntropy(), even, 10, LN10),
        (SoftmaxCrossEntropy(), rare, 2, entropy),
        (SoftmaxCrossEntropy(), numpy.append(rare, -100), 2, entropy),
        (SoftmaxCrossEntropy(class_weights=(1.0, 3.0)), rare, 2, math.log(2)),
        (SoftmaxCrossEntropy(label_smoothing=0.1), even, 10, LN10),
        (BCEWithLogits(), rare, 1, entropy),
        (BCEWithLogits(), rare, 2, entropy),
        (BCEWithLogits(), even, 10, -(0.1 * math.log(0.1) + 0.9 * math.log(0.9))),
        (BCEWithLogits(positive_weights=(2.0,)), rare, 1, None),
        (MSE(), rare, 1, 0.25 * 0.75),
        (SoftmaxCrossEntropy(), numpy.zeros(4, int), 10, None),  # one class
        (SoftmaxCrossEntropy(), numpy.zeros((4, 10)), 10, None),  # no class indices
        (SoftmaxCrossEntropy(ignore_index=2), numpy.array([0, 1, 2, 2], "u1"), 3, math.log(2)),
    ]
    for loss, labels, outputs, expected in cases:
        assert guessing_loss(loss, labels, outputs) == (expected and pytest.approx(expected)), loss


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [(SoftmaxCrossEntropy(), 3), (BCEWithLogits(), 3), (MSE(), 3)],
)
def test_no_constant_scores_are_better_than_guessing(loss: Loss, outputs: int) -> None:
    """Guessing by the frequency of the classes has that loss; all other constant scores more."""
    labels = numpy.array([0, 0, 0, 1, 1, 2])
    p = numpy.bincount(labels) / 6
    best = {
        SoftmaxCrossEntropy: numpy.log(p),
        BCEWithLogits: numpy.log(p / (1 - p)),
        MSE: p,
    }[type(loss)]
    expected = guessing_loss(loss, labels, outputs)
    assert expected is not None
    assert float(loss(numpy.tile(best, (6, 1)), labels)[0]) == pytest.approx(expected)
    for delta in numpy.eye(3) / 10:
        assert float(loss(numpy.tile(best + delta, (6, 1)), labels)[0]) > expected


def test_overfitting_has_its_numbers_and_advice() -> None:
    val = [(1.0, 0.60), (0.9, 0.71), (1.2, 0.70)]
    assert str(overfitting(epochs([1.0, 0.5, 0.1], 0.97, val), 500)) == (
        "health: overfitting in the network: accuracy 0.97 in training, and 0.71 at best in "
        "validation; the validation loss was lowest after epoch 2. Try: augmentation, more "
        "weight_decay, Dropout, more data, or patience=3 to stop in time"
    )


def test_what_is_no_overfitting() -> None:
    assert overfitting(epochs([1.0, 0.5], 0.97), 500) is None  # nothing to compare with
    assert overfitting(epochs([1.0, 0.5], 0.97, [(1.0, 0.85)] * 2), 500) is None
    assert overfitting(epochs([1.0, 0.5], 0.97, [(1.0, 0.71)] * 2), 20) is None  # too few to tell
    assert overfitting(epochs([1.0], 0.97, [(1.0, 0.71)]), 500) is None  # too early to tell
    dip = [(0.5, 0.9), (2.0, 0.5)]
    assert overfitting(epochs([1.0, 0.9], 0.92, dip), 500) is None  # one bad validation


def model() -> Model:
    return Model(dense(), input_shape=(1, 8, 8))


class Hot:
    """A schedule with a rate of a hundred times in epoch 3 of 20 updates."""

    def __call__(self, step: int, total_steps: int, /) -> float:
        return 100.0 if 40 <= step < 60 else 1.0


HOT: dict[str, Any] = {"optimizer": WELL, "schedule": Hot(), "epochs": 5, "batch_size": 16}


def test_a_training_that_jumps_warns_once_without_being_asked() -> None:
    with pytest.warns(HealthWarning, match=r"jumped in epoch 3 \(updates 41 to 60\)") as caught:
        history = model().fit(digits(320), **HOT)
    assert [warning.filename for warning in caught] == [__file__]
    assert history.notes == [str(caught[0].message)]


def test_a_training_that_jumps_at_its_beginning_warns() -> None:
    with pytest.warns(HealthWarning, match=r"jumped in epoch 1 \(updates 1 to 20\)"):
        model().fit(digits(320), optimizer=SGD(1.0, momentum=0.9), epochs=3, batch_size=16)


def test_a_training_that_jumps_can_be_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model().fit(digits(320), health=False, **HOT).notes == []


def test_a_healthy_training_hears_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model().fit(digits(320), epochs=4, optimizer=WELL).notes == []


def test_a_resumed_run_does_not_repeat_it(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    late = InterruptAfter(90)  # in epoch 5
    with pytest.raises(KeyboardInterrupt), pytest.warns(HealthWarning) as caught:
        model().fit(digits(320), checkpoints=checkpoints, callbacks=[late], **HOT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model().fit(digits(320), checkpoints=checkpoints, resume=True, **HOT)
    told = [note for note in history.notes if note.startswith("health: ")]
    assert told == [str(warning.message) for warning in caught]


def test_labels_known_by_heart_are_named() -> None:
    """Random labels: all that can be learnt of them is which image has which."""
    images = digits(256).images
    labels = numpy.random.default_rng(0).integers(0, 10, len(images))
    history = model().fit(
        (images[:128], labels[:128]),
        validation=(images[128:], labels[128:]),
        epochs=60,
        batch_size=16,
        optimizer=SGD(0.1, momentum=0.9),
        health=True,
    )
    assert [note for note in history.notes if note.startswith("health: overfitting in the network")]
