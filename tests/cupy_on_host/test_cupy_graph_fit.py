"""Models that train by CUDA graphs on the stand-in for CuPy: the same bits, notes and callbacks."""

import math
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from tests import fake_cupy
from tests.cuda_on_host import arrays
from tests.cupy_on_host.test_cupy_graph import graph, graphs
from tests.gpu.networks import images
from xpcnn import backend
from xpcnn.backend import direct
from xpcnn.data.augment import AlternatingFlip, Mixup, Noise, Shift
from xpcnn.errors import XpcnnError
from xpcnn.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
)
from xpcnn.model import Model
from xpcnn.optimizers import SGD, Adam, Muon
from xpcnn.schedules import Cosine
from xpcnn.training import Callback, Snapshot, loss_scale, notifier
from xpcnn.types import flatten

LAYERS: list[Layer] = [
    *(Conv2D(2, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2D(2)),
    *(Flatten(), Dropout(0.5), Dense(3)),
]


@dataclass(frozen=True)
class Own(Shift):
    """Called for each batch, by a thread: it might decide by numbers."""


FITS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": SGD(0.05, momentum=0.9), "validation": 0.1},
    "adam, its rate falling": {"optimizer": Adam(1e-3), "schedule": Cosine()},
    "averages, clipping and l1": {"optimizer": SGD(0.05), "ema": 0.9, "clip_norm": 1.0, "l1": 1e-4},
    "the average of the last epochs": {"optimizer": SGD(0.05), "swa": 2},
    "several batches to an update": {"optimizer": SGD(0.05), "accumulate": 2},
    "layers that are frozen at first": {
        "optimizer": SGD(0.05, momentum=0.9),
        "freeze": ["layers.0.*", "layers.1.*"],
        "unfreeze_after": 2,
    },
    "augmented": {"optimizer": SGD(0.05), "augment": [Shift(1), Noise(0.1), Mixup()]},
    "augmented by a class of one's own": {"optimizer": SGD(0.05), "augment": [Own()]},
}


@pytest.mark.parametrize("name", FITS)
def test_fit_has_equal_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole runs through the variable: epochs of full batches and a smaller one, with dropout and
    batch norm, weights read between them."""
    ends = []
    for value in ("all", "graph"):
        model, made = opened_model(value, monkeypatch)
        data = images((1, 8, 8), 3, 10)  # batches of 4, 4 and 2
        history = model.fit(data, epochs=3, batch_size=4, health=False, **FITS[name])
        assert history.notes == []
        flat = flatten(model.params) | flatten(model.buffers, "buffers.")
        bits = {path: arrays.on_host(x).tobytes() for path, x in flat.items()}
        ends.append((bits, history["loss"], history["accuracy"]))
        assert any(map(graphs, made)) is (value == "graph")
    assert ends[0] == ends[1]


def test_the_loss_scale_is_in_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float16: updates that overflow are skipped, and the scale is halved, then doubled."""
    monkeypatch.setattr(loss_scale, "FIRST", loss_scale.FIRST | {"scale": 2.0**24})
    monkeypatch.setattr(loss_scale, "GROW_AFTER", 3)
    ends, data = [], images((1, 8, 8), 3, 8)
    for value in ("all", "graph"):
        model, made = opened_model(value, monkeypatch, dtype="float16")
        history = model.fit(data, epochs=12, batch_size=4, health=False, optimizer=SGD(0.05))
        weights = {path: arrays.on_host(x).tobytes() for path, x in flatten(model.params).items()}
        ends.append((weights, history["loss"], history.notes))
        assert any(map(graphs, made)) is (value == "graph")
    assert ends[0] == ends[1]
    [note] = ends[0][2]
    assert note.startswith("float16: ")


class Launches(Callback):
    """Notes what each step of a run launches, beside its graph."""

    def __init__(self) -> None:
        self.of_steps: list[list[str]] = []

    def on_step(self, step: int) -> None:
        self.of_steps.append([*fake_cupy.launches, *arrays.calls, *arrays.waits])
        for noted in (fake_cupy.launches, arrays.calls, arrays.waits):
            noted.clear()


def test_batches_are_made_in_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples and labels are gathered, normalised and augmented there."""
    model, _ = opened_model("graph", monkeypatch)
    launches = Launches()
    items, data = [AlternatingFlip(), Shift(1), Noise(0.1), Mixup()], images((1, 8, 8), 3, 24)
    options: dict[str, Any] = {"augment": items, "callbacks": [launches], "health": False}
    model.fit(data, epochs=1, batch_size=4, **options)
    assert launches.of_steps[2:] == [["copy_all", "copy_all"]] * 4


def test_a_run_that_diverges_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    for value in ("all", "graph"):
        model, _ = opened_model(value, monkeypatch)
        data = images((1, 8, 8), 3, 12)
        with pytest.raises(XpcnnError, match="training diverged") as caught:
            model.fit(data, epochs=3, batch_size=4, health=False, optimizer=SGD(1e20))
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


class Halved(Callback):
    """Changes the weights of a dense layer after each epoch: in place, or for another array."""

    def __init__(self, how: str) -> None:
        self.how = how

    def on_snapshot(self, snapshot: Snapshot) -> None:
        params = snapshot.network.params["layers.6"]
        if self.how == "in place":
            params["weight"][...] = 0.5 * params["weight"]
        else:
            params["weight"] = 0.5 * params["weight"]


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_weights_that_a_callback_changes(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "LOOK_SECONDS", math.inf)  # at the end of each epoch only
    ends = []
    for value, callbacks in (("all", [Halved(how)]), ("graph", [Halved(how)]), ("all", [])):
        model, made = opened_model(value, monkeypatch)
        data = images((1, 8, 8), 3, 8)
        model.fit(data, epochs=3, batch_size=4, health=False, callbacks=callbacks)
        ends.append([arrays.on_host(x).tobytes() for x in flatten(model.params).values()])
        assert any(map(graphs, made)) is (value == "graph")
    assert ends[0] == ends[1] != ends[2]


def opened_model(
    value: str, monkeypatch: pytest.MonkeyPatch, dtype: str = "float32"
) -> tuple[Model, list[Any]]:
    """Return a model on a CuPy opened with XPCNN_CUDA_KERNELS, and the `Steps` that it makes."""
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.fake_cupy())
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", arrays.namespace)
    monkeypatch.setattr(backend, "_kernels", {})
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", value)
    opened, made = backend.load("cupy"), list[Any]()
    compile_step = opened.compile_step

    def noted(may_record: Any) -> Any:
        made.append(compile_step(may_record))
        return made[-1]

    opened.compile_step = noted
    model = Model(LAYERS, input_shape=(1, 8, 8), backend=opened, seed=1, dtype=dtype)
    return model, made if value == "graph" else []


def test_the_variable_turns_graphs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, for_training in (("all", False), ("graph", True)):
        model, _ = opened_model(value, monkeypatch)
        steps = model.backend.compile_step(bool)
        assert isinstance(steps, graph.Steps) is for_training
    assert model.backend.describe()["kernels"] == "on, products too, training steps as CUDA graphs"
    monkeypatch.setenv("XPCNN_KERNELS", "off")
    assert backend.load("cupy").compile_step(bool) is direct


def test_a_run_that_cannot_be_captured_notes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = opened_model("graph", monkeypatch)
    data, muon = images((1, 8, 8), 3, 10), Muon(0.02)
    with pytest.warns(UserWarning, match="no CUDA graph, steps run eagerly: .*cuBLAS"):
        history = model.fit(data, epochs=2, batch_size=4, health=False, optimizer=muon)
    [note] = history.notes
    assert note.startswith("no CUDA graph, steps run eagerly: ")
