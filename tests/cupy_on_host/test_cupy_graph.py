"""Training steps as one CUDA graph on the stand-in for CuPy: the bits of eager steps, fewer
launches."""

import weakref
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.cuda_on_host import arrays
from tests.cupy_on_host.test_cuda_launches import LAUNCHES
from tests.fake_cupy import cupy_on_host, raising
from tests.gpu.networks import model_of
from tests.gpu.sides import Ours, batches_of
from xpcnn import backend
from xpcnn.backend import direct
from xpcnn.data import augment
from xpcnn.data.augment import Augmenter, Blur
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.optimizers import SGD
from xpcnn.training.progress import Progress, named_arrays
from xpcnn.training.recipe import may_record_step
from xpcnn.types import Shape

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
    ("name", "shape", "dtype"),
    [
        ("tiny", (1, 12, 12), "float32"),
        ("tiny", (1, 12, 12), "float16"),
        ("medium", (3, 4, 4), "float32"),
        ("digits", (1, 4, 4), "float32"),
    ],
)
def test_equal_bits(cuda: Any, name: str, shape: Shape, dtype: str) -> None:
    found = preset(name).for_data(shape, 10)
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


def test_what_cannot_be_captured_runs_eagerly_and_is_told(cuda: Any) -> None:
    """Products by cuBLAS, waits for the device and copies from the host."""
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
