"""Training by one CUDA graph on the stand-in for CuPy: the bits of eager steps, fewer launches."""

import sys
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.cuda_on_host import arrays
from tests.fake_cupy import cupy_on_host
from tests.gpu.networks import model_of
from tests.gpu.sides import Ours, batches_of
from tests.test_cuda_launches import LAUNCHES
from xpcnn import backend
from xpcnn.backend import direct
from xpcnn.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU
from xpcnn.model import Model
from xpcnn.models import preset
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


def replay_of(cuda: Any) -> Any:
    return graph.Replay(cuda, lambda *others: True, lent=1)


def after(model: Model, batches: Any, replay: Any, steps: int) -> dict[str, bytes]:
    """Return the bits of everything that steps of training change."""
    side = Ours(model, batches)
    side.recipe = side.recipe._replace(replay=replay)
    for _ in range(steps):
        side.step()
    progress = side.progress
    found = flatten(progress.params, "params.") | flatten(progress.buffers, "buffers.")
    found |= {"loss": progress.loss_sum, "hits": progress.hits, "finite": progress.finite}
    return {path: arrays.on_host(x).tobytes() for path, x in found.items()}


@pytest.mark.parametrize("name", ["tiny", "medium", "large-bn"])
def test_equal_bits(cuda: Any, name: str) -> None:
    found = preset(name)
    batches = batches_of(found, 2, 3)

    def bits(replay: Any, steps: int) -> dict[str, bytes]:
        return after(model_of(found, cupy_on_host()), batches, replay, steps)

    replay = replay_of(cuda)
    assert bits(replay, 3) == bits(direct, 3)
    assert replay._graph is not None


@pytest.mark.parametrize("name", LAUNCHES)
def test_every_preset_is_captured(cuda: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of their steps is refused; kernels are not run, which takes long on the host."""
    monkeypatch.setattr(fake_cupy.RawKernel, "_run", lambda *_: None)
    found, replay = preset(name), replay_of(cuda)
    after(model_of(found, cupy_on_host()), batches_of(found, 2, 1), replay, 3)
    assert replay._graph is not None


def test_the_variable_turns_graphs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy.fake_cupy())
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", arrays.namespace)
    monkeypatch.setattr(backend, "_kernels", {})
    for value, for_training in (("all", False), ("graph", True)):
        monkeypatch.setenv("XPCNN_CUDA_KERNELS", value)
        opened = backend.load("cupy")
        assert isinstance(opened.replay(bool, lent=1), graph.Replay) is for_training
        assert not isinstance(opened.replay(bool), graph.Replay)
    assert opened.describe()["kernels"] == "on, products too, training steps as CUDA graphs"


def test_dropout_draws_other_numbers_in_each_step(cuda: Any) -> None:
    layers: list[Layer] = [Conv2D(4, 3), ReLU(), MaxPool2D(2), Flatten(), Dropout(0.5), Dense(3)]
    rng = numpy.random.default_rng(0)
    batches = [(rng.standard_normal((4, 2, 8, 8), numpy.float32), numpy.arange(4) % 3)]

    def bits(replay: Any) -> dict[str, bytes]:
        model = Model(layers, input_shape=(2, 8, 8), backend=cupy_on_host(), seed=1)
        return after(model, batches, replay, 4)

    assert bits(replay_of(cuda)) == bits(direct)


def test_launches_of_a_step(cuda: Any) -> None:
    """A copy of what is given, the number of the pass, the graph (uncounted), a copy of results."""
    found = preset("tiny")
    side = Ours(model_of(found, cupy_on_host()), batches_of(found, 2, 1))
    side.recipe = side.recipe._replace(replay=replay_of(cuda))
    for _ in range(3):
        fake_cupy.launches.clear()
        arrays.waits.clear()
        side.step()
    assert fake_cupy.launches == ["set_number", "copy_all", "copy_all", "tally", "sgd"]
    assert arrays.waits == []


def test_results_of_a_step_are_not_those_of_the_next(cuda: Any) -> None:
    replay, x = replay_of(cuda), cupy_on_host().from_host(numpy.ones(3, numpy.float32))
    results = [replay(lambda x, y: (x + y, x * y), None, x * k, x) for k in (1, 2, 3, 4)]
    assert [r[1].get().tolist() for r in results] == [[k] * 3 for k in (1, 2, 3, 4)]
    assert results[2][0] is results[3][0]  # lent


def test_other_shapes_and_keys_run_eagerly(cuda: Any) -> None:
    replay, place = replay_of(cuda), cupy_on_host().from_host
    for n, key in ((3, "a"), (3, "a"), (2, "a"), (3, "b"), (3, "a")):
        found = replay(lambda x: (x + x, x - x), key, place(numpy.ones(n, numpy.float32)))
        assert found[0].get().tolist() == [2.0] * n


def test_what_cannot_be_captured_runs_eagerly_and_is_told(cuda: Any) -> None:
    """Products by cuBLAS, waits for the device and copies from the host."""
    x = cupy_on_host().from_host(numpy.eye(3, dtype=numpy.float32))
    for run, reason in (
        (lambda x: (x @ x,), "cuBLAS"),
        (lambda x: (x * float(x[0, 0]),), "float"),
        (lambda x: (x + cupy_on_host().from_host(numpy.zeros(3, numpy.float32)),), "asarray"),
    ):
        replay = replay_of(cuda)
        replay(run, None, x)
        with pytest.warns(UserWarning, match=f"no CUDA graph, steps run eagerly: .*{reason}"):
            found = replay(run, None, x)
        numpy.testing.assert_array_equal(found[0].get(), numpy.eye(3))
        numpy.testing.assert_array_equal(replay(run, None, x)[0].get(), numpy.eye(3))  # no warning


def test_what_may_not_be_recorded_is_not(cuda: Any) -> None:
    replay = graph.Replay(cuda, lambda *others: False, lent=1)
    x = cupy_on_host().from_host(numpy.ones(1, numpy.float32))
    for k in range(1, 4):
        assert replay(lambda x, k=k: (x * k,), None, x)[0].get() == k


@pytest.mark.parametrize("sizes", [[1], [3, 1023, 1024, 1025], [5] * 121])
@pytest.mark.parametrize("offset", [0, 1])
def test_copies_of_any_bytes(cuda: Any, sizes: list[int], offset: int) -> None:
    """Aligned and not, in several blocks, in several launches."""
    place = cupy_on_host().from_host
    pairs = []
    for i, n in enumerate(sizes):
        source = place((numpy.arange(n + offset) * (i + 1) % 251).astype(numpy.uint8))[offset:]
        pairs.append((source, cuda.empty((n,), "uint8")))
    graph.copy_all(cuda, pairs)
    for source, target in pairs:
        numpy.testing.assert_array_equal(target.get(), source.get())
