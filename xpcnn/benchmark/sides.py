"""Our side of a benchmark: training steps and forward passes of a preset, timed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy

from xpcnn.layers import Context
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.optimizers import SGD
from xpcnn.training import TrainingOptions
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import random_source, recipe_for
from xpcnn.training.step import training_step
from xpcnn.types import Array, Params, flatten

LR, MOMENTUM = 1e-3, 0.9
MODES = ("train", "inference")


class Case(NamedTuple):
    """A benchmark's case: a preset or .toml file, a batch size, and one of MODES."""

    model: str
    batch: int
    mode: str


class Side(Protocol):
    """What a block times: `step`, many times within one `session`."""

    def session(self) -> AbstractContextManager[None]: ...
    def step(self) -> None: ...


@dataclass(frozen=True)
class Peer:
    """Another library to compare our times with.

    module: runs as the process of each of its sides; see `process.serve`.
    sides: the forms of each side by its name; of the forms the fastest is timed.
    first_step, train_digits: scripts: one training step; what `xpcnn train --out FOLDER` does.
    layers: a module that prints the seconds of each layer; see `pytorch/layers.py`.
    verify: called with a model, a batch (x, labels) and of how many of its images the peer
    computes; raises an XpcnnError if our results are not the peer's, a BackendError if the peer
    cannot build the network.
    """

    module: str
    sides: Mapping[str, Sequence[str]]
    first_step: Path
    train_digits: Path
    layers: str
    verify: Callable[[Model, numpy.ndarray, numpy.ndarray, int], None]


class Training:
    """Steps of forward, backward and SGD with momentum, on one batch."""

    def __init__(self, model: Model, x: numpy.ndarray, labels: numpy.ndarray) -> None:
        self.model = model
        self.session = model.backend.session
        to_device = model.backend.from_host
        self.x, self.labels = to_device(x), to_device(labels)
        self.lr, self.number = (to_device(numpy.asarray(v, "float32")) for v in (LR, 1))
        options = TrainingOptions(optimizer=SGD(LR, momentum=MOMENTUM))
        self.recipe = recipe_for(model.network, options, 0)
        self.progress = beginning(self.recipe, model.network)

    def step(self) -> None:
        batches = [(self.x, self.labels)]
        self.progress = training_step(self.recipe, self.progress, batches, 1, self.lr, self.number)


class Inference:
    """Forward passes of one batch."""

    def __init__(self, model: Model, x: numpy.ndarray) -> None:
        self.model = model
        self.session = model.backend.session
        self.x = model.backend.from_host(x)

    def step(self) -> None:
        self.forward()

    def forward(self) -> Array:
        return self.model.network.scores(self.x)


def ours(model: Model, x: numpy.ndarray, labels: numpy.ndarray, mode: str) -> Side:
    """Return our side of a case."""
    return Training(model, x, labels) if mode == "train" else Inference(model, x)


def opened(case: Case) -> tuple[Model, numpy.ndarray, numpy.ndarray]:
    """Return the model of a case, and a batch (n, c, h, w) of noise laid out as training has it."""
    found = preset(case.model)
    model = Model(found.layers, input_shape=found.input_shape, loss=found.loss)
    rng = numpy.random.default_rng(0)
    c, h, w = found.input_shape
    x = rng.standard_normal((c, h, w, case.batch), "float32").transpose(3, 0, 1, 2)
    return model, x, rng.integers(0, found.classes, case.batch)


def scores(model: Model, x: numpy.ndarray) -> numpy.ndarray:
    """Return what the network computes of a batch in inference, in the model's dtype."""
    with model.backend.session():
        return model.backend.to_host(Inference(model, x.astype(model.dtype)).forward())


def gradients(
    model: Model, x: numpy.ndarray, labels: numpy.ndarray
) -> tuple[float, dict[str, numpy.ndarray]]:
    """Return the loss of a batch in the model's dtype, and its gradients by path."""
    ctx = Context(training=True, grad=True, forward_pass=1, source=random_source(model.network, 0))
    x = x.astype(model.dtype)
    with model.backend.session():
        scores, _, back = model.layers.forward(model.params, model.buffers, x, ctx)
        loss, loss_back = model.loss(scores, labels)
        grads: Params = back(loss_back(numpy.ones_like(loss)), want_dx=False)[1]
    return float(loss), flatten(grads)
