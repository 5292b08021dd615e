"""Options to tables and back: all that are there now, and those that may come."""

from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import pytest

from xpcnn import optimizers, schedules
from xpcnn.config import registry, toml
from xpcnn.config.registry import BY_SHORT_NAME, Kind, preset_objects
from xpcnn.config.tables import training_table
from xpcnn.data import augment
from xpcnn.models import names, preset
from xpcnn.optimizers import SGD, Adam
from xpcnn.schedules import Cosine, MultiStep, Schedule, Warmup
from xpcnn.training import TrainingOptions


def again(training: TrainingOptions) -> TrainingOptions:
    """Return what is read from the text that is written."""
    table = toml.parse(toml.write(training_table(training)))
    read: TrainingOptions = preset_objects()[TrainingOptions](table, "training")
    return read


def test_every_option_is_written_out() -> None:
    training = TrainingOptions(
        epochs=3,
        clip_norm=1.0,
        optimizer=SGD(lr=0.5, nesterov=True, momentum=0.9),
        schedule=MultiStep(at=(10, 0.5)),
        augment=(augment.Crop(2),),
    )
    table = training_table(training)
    assert list(table) == [field.name for field in fields(TrainingOptions)]
    assert (table["epochs"], table["batch_size"]) == (3, 64)
    assert (table["clip_norm"], table["clip_value"]) == (1.0, "none")
    assert table["optimizer"] == {
        "name": "sgd",
        "lr": 0.5,
        "momentum": 0.9,
        "dampening": 0.0,
        "nesterov": True,
        "weight_decay": 0.0,
        "decoupled": False,
        "decay_all": True,
    }
    assert table["schedule"] == {"name": "multi-step", "at": [10, 0.5], "gamma": 0.1}
    assert table["augment"] == [{"name": "crop", "pad": 2}]
    assert again(training) == training


OPTIMIZERS = {name: make(lr=0.1 / 3) for name, make in optimizers.BY_NAME.items()}
SCHEDULES = {name: make() for name, make in schedules.BY_NAME.items()}
AUGMENTATIONS = {name: make() for name, make in augment.BY_NAME.items()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_comes_back(name: str) -> None:
    training = TrainingOptions(optimizer=OPTIMIZERS[name])
    assert again(training) == training


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_comes_back(name: str) -> None:
    training = TrainingOptions(schedule=SCHEDULES[name])
    assert again(training) == training


def test_every_augmentation_comes_back() -> None:
    for name, change in AUGMENTATIONS.items():
        training = TrainingOptions(augment=(change,))
        assert again(training) == training, name


@pytest.mark.parametrize("name", names())
def test_the_training_of_every_preset_comes_back(name: str) -> None:
    training = preset(name).training
    assert again(training) == training


def test_options_yet_to_come_need_no_line_here(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, kw_only=True)
    class More(TrainingOptions):
        ema: float | None = None
        patience: int | None = 3
        freeze: tuple[str, ...] = ()
        scale_lr: tuple[tuple[str, float], ...] = ()

    monkeypatch.setattr(registry, "TrainingOptions", More)
    for more in (More(), More(ema=0.9, patience=None, freeze=("a", "b"), scale_lr=(("a", 0.1),))):
        read: Any = preset_objects()[More](toml.parse(toml.write(training_table(more))), "training")
        assert read == more


def test_a_schedule_within_a_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    makers = {**schedules.BY_NAME, "warmup": Warmup}
    monkeypatch.setitem(BY_SHORT_NAME, Schedule, Kind("schedule", "name", makers))
    table = {"name": "warmup", "steps": 5, "then": {"name": "cosine"}}
    assert preset_objects()[Schedule](table, "at") == Warmup(5, Cosine())


def test_none_is_said_in_a_word() -> None:
    read = preset_objects()[TrainingOptions]({"clip_norm": "none", "clip_value": 1}, "training")
    assert read == TrainingOptions(clip_value=1.0)


def test_names_of_partial_makers_are_those_of_their_class() -> None:
    assert isinstance(optimizers.BY_NAME["momentum"], partial)
    training = TrainingOptions(optimizer=optimizers.make("nesterov", lr=0.2))
    assert training_table(training)["optimizer"]["name"] == "sgd"
    assert training_table(TrainingOptions(optimizer=Adam()))["optimizer"]["name"] == "adam"
