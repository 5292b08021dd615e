"""Trainings that go badly are named while they run; those that go well hear nothing."""

from pathlib import Path
from typing import Any

import pytest

import xpcnn
from tests.training import test_resume
from tests.training.test_health import HEALTHY
from tests.training.test_resume import InterruptAfter, straight, trained
from tests.training.test_step import digits
from xpcnn import Model
from xpcnn.initializers import Constant, Normal, Zeros
from xpcnn.layers import (
    Conv2D,
    Dense,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from xpcnn.optimizers import SGD, Adam, Optimizer, RMSprop
from xpcnn.training import Callback, Checkpoints
from xpcnn.training.health import Figures


def dense(activation: type[Layer] = ReLU, depth: int = 2, **options: Any) -> list[Layer]:
    hidden = [layer for _ in range(depth) for layer in (Dense(32, **options), activation())]
    return [Flatten(), *hidden, Dense(10, **options)]


def heard(
    layers: list[Layer], optimizer: Optimizer, classes: int = 10, **options: Any
) -> list[str]:
    """Return the kinds of findings in a training of 4 epochs of 20 updates."""
    data = digits(320)
    labels = data.labels % classes
    model = Model(layers, input_shape=(1, 8, 8))
    history = model.fit(
        (data.images, labels), epochs=4, batch_size=16, optimizer=optimizer, health=True, **options
    )
    return [note.removeprefix("health: ").partition(" in ")[0] for note in history.notes]


WELL = SGD(0.05, momentum=0.9)


@pytest.mark.parametrize(
    ("layers", "optimizer", "kinds"),
    [
        (dense(), SGD(5.0, momentum=0.9), {"dead ReLUs", "class collapse"}),
        (dense(Tanh), SGD(50.0), {"large updates", "saturation"}),
        (dense(), SGD(5e-7), {"small updates"}),
        (dense(bias_init=Constant(-10.0)), WELL, {"dead ReLUs", "class collapse"}),
        (dense(Tanh, weight_init=Zeros()), WELL, {"equal weights", "class collapse"}),
        (dense(Sigmoid, 12), WELL, {"vanishing gradient", "class collapse"}),
        (dense(Tanh, 4, weight_init=Normal(std=2.0)), WELL, {"far from ln(classes)", "saturation"}),
        (dense(weight_init=Normal(std=9.0)), SGD(1e-9), {"far from ln(classes)"}),
    ],
)
def test_sick_networks_are_named(
    layers: list[Layer], optimizer: Optimizer, kinds: set[str]
) -> None:
    assert kinds <= set(heard(layers, optimizer))


def test_a_warm_up_in_which_nothing_is_learnt_is_named() -> None:
    kinds = heard(dense(), WELL, warmup=10_000_000)
    assert kinds == ["too long a warm-up", "a loss that has not fallen"]


@pytest.mark.parametrize(
    ("last", "loss", "figure"),
    [
        (ReLU(), "cross-entropy", "scores are never below 0"),
        (Tanh(), "bce", "scores lie between -1 and 1"),
        (Sigmoid(), "mse", None),  # as in textbooks: targets are 0 and 1
        (LeakyReLU(), "cross-entropy", None),
    ],
)
def test_an_activation_at_the_end_is_named(last: Layer, loss: str, figure: str | None) -> None:
    model = Model(Sequential([*dense(), Sequential([last])]), input_shape=(1, 8, 8), loss=loss)
    notes = model.fit(digits(64), epochs=1, health=True).notes
    place = f"an activation at the end in the last layer ({type(last).__name__})"
    text = f"health: {place}: {figure}, and the loss is made for all numbers. Try: without it"
    assert [note for note in notes if "at the end in" in note] == ([text] if figure else [])


def test_an_activation_at_the_end_is_named_in_regression() -> None:
    model = Model([Flatten(), Dense(1), ReLU()], input_shape=(1, 8, 8), task="regression")
    data = digits(64)
    notes = model.fit(data.images, data.labels.astype("float64"), epochs=1, health=True).notes
    assert notes[0].startswith("health: an activation at the end in the last layer (ReLU): ")


def test_too_much_weight_decay_is_named() -> None:
    model = Model(dense(), input_shape=(1, 8, 8))
    optimizer = SGD(0.05, weight_decay=100.0)
    (note,) = model.fit(digits(32), optimizer=optimizer, max_steps=1, health=True).notes
    assert note.startswith("health: large updates in ")
    assert note.endswith("Try: a smaller weight_decay, which is the larger part of it")


def test_labels_of_one_class_are_named() -> None:
    assert heard(dense(), WELL, classes=1) == ["one class"]


@pytest.mark.parametrize(
    ("layers", "optimizer"),
    [
        (dense(), WELL),
        (dense(), RMSprop(0.01)),
        (dense(Tanh), Adam(0.01)),
        (dense(Sigmoid, 1), WELL),
        ([Conv2D(8, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(10)], Adam(0.01)),
    ],
)
def test_healthy_networks_hear_nothing(layers: list[Layer], optimizer: Optimizer) -> None:
    assert heard(layers, optimizer) == []


def test_a_look_changes_no_bit() -> None:
    weights, history = trained(health=True)
    assert (weights, test_resume.figures(history)) == straight()


class Looks:
    """Stands for `measured`, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *_: Any) -> Figures:
        self.count += 1
        return HEALTHY


class AtEpochs(Callback):
    def __init__(self, looks: Looks) -> None:
        self.looks, self.counts = looks, [0]

    def on_epoch_start(self, epoch: int) -> None:
        self.counts.append(self.looks.count)


def test_looks_are_at_the_start_and_after_epochs_1_2_4_8(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks()
    monkeypatch.setattr("xpcnn.training.health_notes.measured", looks)
    at = AtEpochs(looks)
    Model(dense(), input_shape=(1, 8, 8)).fit(digits(16), epochs=9, health=True, callbacks=[at])
    assert at.counts == [0, 1, 2, 3, 3, 4, 4, 4, 4, 5]
    Model(dense(), input_shape=(1, 8, 8)).fit(digits(16), epochs=1)
    assert looks.count == 5


def test_a_resumed_run_is_told_the_same(tmp_path: Path) -> None:
    def notes(**options: Any) -> list[str]:
        model = Model(dense(bias_init=Constant(-10.0)), input_shape=(1, 8, 8))
        history = model.fit(digits(80), epochs=4, batch_size=16, health=True, **options)
        return [note for note in history.notes if note.startswith("health: ")]

    checkpoints = Checkpoints(tmp_path / "new")
    with pytest.raises(KeyboardInterrupt):
        notes(checkpoints=checkpoints, callbacks=[InterruptAfter(8)])
    assert notes(checkpoints=checkpoints, resume=True) == notes()


def test_notes_reach_callbacks() -> None:
    class Listener(Callback):
        heard: list[str] = []  # noqa: RUF012

        def on_note(self, text: str) -> None:
            self.heard.append(text)

    history = Model(dense(bias_init=Constant(-10.0)), input_shape=(1, 8, 8)).fit(
        digits(16), epochs=1, health=True, callbacks=[Listener()]
    )
    assert Listener.heard == history.notes
    assert len(history.notes) == 1
    assert xpcnn.training.History().notes == []
