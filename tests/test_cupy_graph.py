"""Training by one CUDA graph on the stand-in for CuPy: the bits of eager steps, fewer launches."""

import math
import sys
import weakref
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.cuda_on_host import arrays
from tests.fake_cupy import cupy_on_host, raising
from tests.gpu.networks import images, model_of
from tests.gpu.sides import Ours, batches_of
from tests.test_cuda_launches import LAUNCHES
from xpcnn import backend
from xpcnn.backend import direct
from xpcnn.data import augment
from xpcnn.data.augment import AlternatingFlip, Augmenter, Blur, Mixup, Noise, Shift
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
from xpcnn.models import preset
from xpcnn.optimizers import SGD, Adam, Muon
from xpcnn.schedules import Cosine
from xpcnn.training import Callback, Snapshot, loss_scale, notifier
from xpcnn.training.progress import Progress, named_arrays
from xpcnn.training.recipe import may_record_step
from xpcnn.types import flatten

graph = import_module("xpcnn.backends.cupy_kernels.graph")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the kernels of the stand-in launch with, with own products."""
    kernels: Any = backend._kernels.get(cupy_on_host().array_type)
    if not kernels:
        pytest.skip("--no-kernels: nothing is launched")
    monkeypatch.setattr(kernels["dense"].args[0], "has_own_products", True)
    return kernels["dense"].args[0]


def steps_of(cuda: Any) -> Any:
    return graph.Steps(cuda, may_record_step)


def after(model: Model, batches: Any, steps: Any, number: int) -> list[dict[str, bytes]]:
    """Return the bits of everything that a step of training changes, after each; read at the end,
    so that a step that writes into what an earlier one returned is seen."""
    side = Ours(model, batches)
    side.recipe = side.recipe._replace(steps=steps)
    seen = []
    for _ in range(number):
        side.step()
        seen.append(side.progress)
    return [all_bits(progress) for progress in seen]


def all_bits(progress: Progress) -> dict[str, bytes]:
    found = named_arrays(progress)
    found |= {"loss": progress.loss_sum, "hits": progress.hits, "finite": progress.finite}
    return {path: arrays.on_host(x).tobytes() for path, x in found.items()}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, "float32") for name in ("tiny", "medium", "large-bn")), ("tiny", "float16")],
)
def test_equal_bits(cuda: Any, name: str, dtype: str) -> None:
    found = preset(name)
    batches = batches_of(found, 2, 3)

    def bits(steps: Any, number: int) -> list[dict[str, bytes]]:
        return after(model_of(found, cupy_on_host(), dtype), batches, steps, number)

    steps = steps_of(cuda)
    assert bits(steps, 3) == bits(direct, 3)
    assert graphs(steps) == 1


def graphs(steps: Any) -> int:
    return sum(one is not None for one in steps._graphs.values())


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", LAUNCHES)
def test_every_preset_is_captured(
    cuda: Any, name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of their steps is refused; kernels are not run, which takes long on the host."""
    monkeypatch.setattr(fake_cupy.RawKernel, "_run", lambda *_: None)
    found, steps = preset(name), steps_of(cuda)
    after(model_of(found, cupy_on_host(), dtype), batches_of(found, 2, 1), steps, 3)
    assert graphs(steps) == 1


def test_launches_of_a_step(cuda: Any) -> None:
    """A copy of what is given, the graph (uncounted), a copy of the results."""
    found = preset("tiny")
    side = Ours(model_of(found, cupy_on_host()), batches_of(found, 2, 1))
    side.recipe = side.recipe._replace(steps=steps_of(cuda))
    for _ in range(3):
        fake_cupy.launches.clear()
        arrays.waits.clear()
        arrays.calls.clear()
        side.step()
    assert fake_cupy.launches == ["copy_all", "copy_all"]
    assert arrays.waits == arrays.calls == []


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


@pytest.mark.parametrize("name", [*augment.BY_NAME, "wide blur"])
def test_every_augmentation_is_captured(cuda: Any, name: str) -> None:
    library = cupy_on_host()
    rng = numpy.random.default_rng(0)
    items = (Blur(3.0) if name == "wide blur" else augment.make(name),)
    augmenter = Augmenter(items, library, seed=1, shape=(3, 6, 5), outputs=3, dtype="float32")
    x, labels = (
        from_host(a)
        for a in (rng.random((2, 4, 3, 6, 5), numpy.float32), rng.integers(0, 3, (2, 4)))
    )
    drawn = augmenter.drawn(1, numpy.arange(8))

    def run(state: Any, x: Any, labels: Any, drawn: Any, step: Any) -> Any:
        x, labels = augmenter.apply(x, labels, drawn, step)
        return ((x, arrays.namespace.astype(labels, "float32")),)

    def ends(steps: Any) -> list[list[bytes]]:
        state = ((x[0], arrays.namespace.zeros((4, 3) if is_mixture else 4, dtype="float32")),)
        found = []
        for i in (0, 1, 0, 1):
            own = tuple(p[4 * i : 4 * i + 4] for p in drawn)
            state = steps(run, None, state, x[i], labels[i], own, i + 1)
            found.append([arrays.on_host(a).tobytes() for a in state[0]])
        return found

    is_mixture = name in ("mixup", "cutmix")
    steps = graph.Steps(cuda, lambda key: True)
    assert ends(steps) == ends(lambda run, key, *given: run(*given))
    assert graphs(steps) == 1


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


def test_what_cannot_be_captured_runs_eagerly_and_is_told(
    cuda: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products by cuBLAS, waits for the device and copies from the host; a run notes it."""
    x = from_host(numpy.eye(3, dtype=numpy.float32))
    for run, reason in (
        (lambda state: ((state[0][0] @ x,),), "cuBLAS"),
        (lambda state: ((x * float(x[0, 0]),),), "float"),
        (lambda state: ((x + from_host(numpy.zeros(3, numpy.float32)),),), "asarray"),
    ):
        steps = graph.Steps(cuda, lambda key: True)
        assert steps(run, None, ((x,),))[0][0].tolist() == numpy.eye(3).tolist()
        with pytest.warns(UserWarning, match=f"no CUDA graph, steps run eagerly: .*{reason}"):
            found = steps(run, None, ((x,),))
        again = steps(run, None, ((x,),))  # no warning
        assert found[0][0].tolist() == again[0][0].tolist() == numpy.eye(3).tolist()
        assert reason in steps.problem

    model, _ = opened_model("graph", monkeypatch)
    data, muon = images((1, 8, 8), 3, 10), Muon(0.02)
    with pytest.warns(UserWarning, match="no CUDA graph, steps run eagerly: .*cuBLAS"):
        history = model.fit(data, epochs=2, batch_size=4, health=False, optimizer=muon)
    [note] = history.notes
    assert note.startswith("no CUDA graph, steps run eagerly: ")


def from_host(x: numpy.ndarray) -> Any:
    return cupy_on_host().from_host(x)


def test_what_users_write_is_called_in_each_step(cuda: Any) -> None:
    """It may count, or decide by numbers."""

    class Own(SGD):
        def update(self, *given: Any) -> Any:
            calls.append(1)
            return super().update(*given)

    calls: list[int] = []
    found = preset("tiny")
    side = Ours(model_of(found, cupy_on_host()), batches_of(found, 2, 1))
    side.recipe = side.recipe._replace(steps=steps_of(cuda), optimizer=Own(1e-3, momentum=0.9))
    for _ in range(3):
        side.step()
    assert len(calls) == 3


def test_other_shapes_and_keys(cuda: Any) -> None:
    """Two shapes have graphs, a third runs eagerly, another key begins anew."""
    steps, seen = graph.Steps(cuda, lambda key: key is not None), []
    state: Any = ((from_host(numpy.zeros((), numpy.float32)),), ())
    for n, key in [(3, "a"), (2, "a")] * 3 + [(1, "a"), (1, "a"), (3, "b"), (3, "b"), (2, None)]:
        x = from_host(numpy.ones(n, numpy.float32))
        state = steps(lambda s, x: ((s[0][0] + arrays.namespace.sum(x),), ()), key, state, x)
        seen.append((state[0][0], graphs(steps)))
    assert [float(total) for total, _ in seen] == [3, 5, 8, 10, 13, 15, 16, 17, 20, 23, 25]
    assert [count for _, count in seen] == [0, 0, 1, 2, 2, 2, 2, 2, 0, 1, 1]


def test_results_may_be_what_was_given(cuda: Any) -> None:
    """Unchanged, or in each other's place."""
    a, b, c = (from_host(numpy.full(3, k, numpy.float32)) for k in range(3))
    steps = graph.Steps(cuda, lambda key: True)
    state: Any = ((a, b), ({"c": c, "d": a},))
    for _ in range(4):
        state = steps(
            lambda s: ((s[0][1], s[0][0]), ({"c": s[1][0]["c"], "d": s[1][0]["d"] + 1},)),
            None,
            state,
        )
    values = [x[0].tolist() for x in (*state[0], *state[1][0].values())]
    assert values == [0, 1, 2, 4]
    assert graphs(steps) == 1


def test_a_step_that_never_ends_changes_nothing(cuda: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt after the graph has run: the next step begins from what it is given."""
    steps = graph.Steps(cuda, lambda key: True)
    state: Any = ((from_host(numpy.zeros(3, numpy.float32)),),)

    def run(state: Any) -> Any:
        return ((state[0][0] + 1,),)

    for _ in range(3):
        state = steps(run, None, state)
    with monkeypatch.context() as patched:
        patched.setattr(graph.State, "_views", raising(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            steps(run, None, state)
    assert state[0][0].tolist() == [3] * 3
    assert steps(run, None, state)[0][0].tolist() == [4] * 3


def test_too_little_memory_for_a_capture(cuda: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, x = graph.Steps(cuda, lambda key: True), from_host(numpy.zeros(3, numpy.float32))
    steps(lambda state: state, None, ((x,),))
    monkeypatch.setattr(graph, "State", raising(MemoryError("out of memory")))
    with pytest.warns(UserWarning, match="no CUDA graph, steps run eagerly: out of memory"):
        assert steps(lambda state: state, None, ((x,),))[0][0] is x


def test_memory_of_a_graph_is_its_own(cuda: Any) -> None:
    """What a capture has freed is written by each launch: nobody else may get it."""
    steps = graph.Steps(cuda, lambda key: True)
    x = from_host(numpy.ones(3, numpy.float32))

    def run(state: Any) -> Any:
        between = cuda.empty((3,))
        cuda.each("elementwise.cu", "relu_forward", 3, state[0][0], between)
        return ((between + 1,),)

    state: Any = ((x,),)
    for _ in range(3):
        state = steps(run, None, state)
    assert state[0][0].tolist() == [4] * 3
    pool = weakref.ref(steps._pool)
    del steps
    assert pool() is None


@pytest.mark.parametrize("sizes", [[1], [3, 1023, 1024, 1025, 0], [5] * 121])
@pytest.mark.parametrize("offset", [0, 1])
def test_copies_of_any_bytes(cuda: Any, sizes: list[int], offset: int) -> None:
    """Aligned and not, in several blocks, in several launches; and a number."""
    pairs = []
    for i, n in enumerate(sizes):
        source = from_host((numpy.arange(n + offset) * (i + 1) % 251).astype(numpy.uint8))[offset:]
        pairs.append((source, cuda.empty((n,), "uint8")))
    number = cuda.empty((), "uint64")
    graph.copy_all(cuda, [(2**63 - 1, number), *pairs])
    for source, target in pairs:
        numpy.testing.assert_array_equal(target.get(), source.get())
    assert int(number) == 2**63 - 1
