"""Requests for a training run, and the settings that come of them: for tests of both."""

from pathlib import Path

import numpy
import pytest

from xpcnn.cli.commands.train import command
from xpcnn.cli.request import Request
from xpcnn.cli.settings import Settings, resolve
from xpcnn.data import Dataset
from xpcnn.errors import ConfigError
from xpcnn.models import Preset

OWN = """
input_shape = [1, 8, 8]
classes = 10
layers = [{ type = "Flatten" }, { type = "Dense", units = "classes" }]
"""


TRAINING = """
[training]
epochs = 3
batch_size = 32
clip_value = 0.5
optimizer = { name = "sgd", lr = 0.3, momentum = 0.8, nesterov = true }
schedule = { name = "step", every = 0.5, gamma = 0.2 }
augment = [{ name = "flip", vertical = 0.5 }, { name = "crop", pad = 1 }]
"""


def images(*shape: int) -> Dataset:
    return Dataset.from_arrays(numpy.zeros((2, *shape), numpy.uint8), [0, 1])


def given(*flags: str) -> Request:
    return Request(command.make_context("train", [*flags]))


def settled(base: Preset | None, text: str, *flags: str) -> Settings:
    """Return what comes of a file of configuration and flags."""
    Path("run.toml").write_text(text)
    return resolve(given("--config", "run.toml", *flags), base, images(1, 8, 8))


def refused(base: Preset | None, text: str, *flags: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settled(base, text, *flags)
    return str(caught.value)
