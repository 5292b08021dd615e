"""The preset for data where no model is given, and notes about the choice."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from xpcnn import data
from xpcnn.config.overlay import Change
from xpcnn.config.preset import Preset
from xpcnn.config.tables import to_config
from xpcnn.data import Dataset
from xpcnn.data.reading import Drawn, Pictures, observed
from xpcnn.errors import counted
from xpcnn.models import preset
from xpcnn.tasks import as_task
from xpcnn.types import Shape, TaskName

BY_SHAPE: Mapping[Shape, str] = {
    (1, 8, 8): "digits",
    (1, 28, 28): "small",
    (3, 32, 32): "medium",
}
"""The preset for images of a shape."""

ANY_SIZE = "photo"
"""The preset for images of every other shape, and for photographs of the user's own."""


_SHIFTS = 8
"""Images are shifted by the shorter side divided by this number at most."""


_IMAGES = 1000
"""Training images for which the epochs of the preset are right."""

_EPOCHS = (10, 100)
"""The fewest and the most epochs that are chosen."""


class Choice(NamedTuple):
    """A preset, and what the data change in it.

    name: of the preset.
    training: options in place of the preset's own.
    notes: sentences for the user about the `model` and about each of these options, by name; none
        for a choice that the user expects.
    """

    name: str
    training: Mapping[str, Any] = {}
    notes: Mapping[str, str] = {}


def choose(train: Dataset) -> Choice:
    """Return the preset for a data set: by the shape of its images, or `photo`.

    Photographs, that is pictures in colour from files of the user's own, are for `photo` whatever
    their size. Images are shifted by an eighth of their shorter side at most. Drawings such as
    digits mean something else when they are mirrored, so they are not mirrored. The fewer images,
    the more epochs: as many as the preset has for 1,000 images, in inverse proportion to the
    square root of their number, between 10 and 100.
    """
    photos = isinstance(train.reading, Pictures) and train.reading.mode == "RGB"
    if train.shape in BY_SHAPE and not (photos and train.name not in data.NAMES):
        return Choice(BY_SHAPE[train.shape])
    drawn = train.reading is None and isinstance(observed(train.images), Drawn)
    pad = max(1, round(min(train.shape[1:]) / _SHIFTS))
    usual = preset(ANY_SIZE).table["training"]
    augment = [
        {**table, "pad": pad} if table["name"] == "crop" else table
        for table in usual["augment"]
        if not (drawn and table["name"] == "flip")
    ]
    fewest, most = _EPOCHS
    epochs = min(max(round(usual["epochs"] * math.sqrt(_IMAGES / len(train))), fewest), most)
    changed = "shifted" if drawn else "mirrored, shifted"
    notes = {
        "model": f"the model is {ANY_SIZE}, for images of any size; --model NAME chooses another",
        "augment": f"training images are {changed} and relit at random; "
        "--augment none leaves them alone",
        "epochs": f"{epochs} epochs, as the training part has {counted(len(train), 'image')}; "
        "--epochs N chooses another number",
    }
    return Choice(ANY_SIZE, {"augment": augment, "epochs": epochs}, notes)


def for_task(given: Preset | None, task: TaskName) -> tuple[list[Change], tuple[str, ...]]:
    """Return what a task changes in a preset that was made for another task, and notes about it.

    If the loss of the preset does not suit the task, the task's own is used, and for classes always
    that of classes. Numbers are learnt by Adam with a learning rate of 0.001, because the rates of
    presets are chosen for classes.
    """
    if task == ("classification" if given is None else given.task):
        return [], ()
    known = as_task(task)
    name = "the task" if given is None else given.name
    changes: list[Change] = []
    if given is None or not known.suits(given.loss) or task != "multi-label":
        changes.append(Change(name, ("loss",), to_config(known.default_loss())))
    if task != "regression":
        return changes, ()
    changes.append(Change(name, ("training", "optimizer"), {"name": "adam", "lr": 0.001}))
    return changes, (
        "numbers are learnt in units of their deviation, by adam with a rate of 0.001; "
        "--optimizer and --lr choose others",
    )
