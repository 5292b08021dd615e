"""Convolution by cuDNN, on a library that stands for it: results, and which engines may run."""

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy
import pytest

from tests import fake_cupy
from tests.cuda_on_host import streams
from tests.cuda_on_host.arrays import from_host, on_host
from tests.cuda_on_host.cudnn import ENGINES, Library
from tests.cuda_on_host.opened_cudnn import (
    CASES,
    EXACT,
    ORDERS,
    WAYS,
    Opened,
    cudnn,
    given,
    problem_of,
    put_stand_ins,
    results,
)
from tests.gpu.networks import images
from tests.ops.exact import draw
from xpcnn import backend, ops
from xpcnn.backend import Backend
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from xpcnn.model import Model
from xpcnn.ops import reference
from xpcnn.optimizers import SGD
from xpcnn.types import flatten

plans: Any = import_module("xpcnn.backends.cupy_kernels.cudnn_plans")
autotuner: Any = import_module("xpcnn.backends.cupy_kernels.autotuner")


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put_stand_ins(monkeypatch, tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("op", ["conv2d", "conv_relu_pool"])
def test_results(op: str, case: str, dtype: str) -> None:
    for has_bias in (True, False):
        opened = Opened()
        values, options = problem_of(op, case, dtype, has_bias=has_bias)
        wanted = results(getattr(ops, op), *values, **options)
        found = results(getattr(ops, op), *given(values), **options)
        for got, expected in zip(found, wanted, strict=True):
            assert (got.dtype, got.flags.c_contiguous) == (expected.dtype, True)
            numpy.testing.assert_array_equal(got, expected)
        assert {way for way, _, _ in opened.used} == {"forward", "dx", "dw"}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_pooling_after_it(dtype: str) -> None:
    opened = Opened()
    x, w, b = (draw(*s).astype(dtype) for s in ((2, 3, 8, 8), (4, 3, 3, 3), (4,)))
    dy = draw(2, 4, 4, 4, seed=1).astype(dtype)
    rule: dict[str, Any] = {"padding": 1, "pool": 2}
    wanted = results(ops.conv_relu_pool, *(a.astype("float64") for a in (x, w, b, dy)), **rule)
    found = results(ops.conv_relu_pool, *given([x, w, b, dy]), **rule)
    for got, expected in zip(found, wanted, strict=True):
        assert got.dtype == dtype
        scale = 1e-5 if dtype == "float32" else 1e-2
        numpy.testing.assert_allclose(got, expected, rtol=0, atol=scale * abs(expected).max())
    assert opened.used


def test_nan_propagates() -> None:
    Opened()
    x, w = draw(1, 1, 3, 3), draw(1, 1, 1, 1)
    x[0, 0, 1, 1] = numpy.nan
    y, _ = ops.conv_relu_pool(from_host(x), from_host(w))
    assert numpy.isnan(on_host(y)).tolist() == numpy.isnan(x).tolist()


def test_only_what_is_wanted_is_computed() -> None:
    opened = Opened()
    (x, w, b, dy), _ = problem_of("conv2d", "plain", "float32")
    _, back = ops.conv2d(*given([x, w, b]))
    assert {way for way, _, _ in opened.used} == {"forward"}
    dx, dw, db = back(from_host(dy), (False, True, False))
    assert dx is db is None is not dw
    assert {way for way, _, _ in opened.used} == {"dw"}


def test_engines_that_may_be_used() -> None:
    """None that changes its bits, rounds more than the dtype says, needs much memory, or fails."""
    opened = Opened()
    values, _ = problem_of("conv2d", "plain", "float32")
    results(ops.conv2d, *given(values))
    exact = {EXACT, 16, 17}
    assert {number for _, _, number in opened.used} == exact
    results(ops.conv2d, *given(values))
    assert {number for _, _, number in opened.used} == {EXACT}
    opened.backend.allow_tf32()
    results(ops.conv2d, *given(values))
    assert {number for _, _, number in opened.used} == exact | {11}
    results(ops.conv2d, *given(values))
    assert opened.used == {(way, "NHWC", 11) for way in ("forward", "dx", "dw")}
    opened.backend.allow_tf32(False)
    results(ops.conv2d, *given(values))
    assert opened.used == {(way, "NCHW", EXACT) for way in ("forward", "dx", "dw")}
    values, _ = problem_of("conv2d", "plain", "float16")
    results(ops.conv2d, *given(values))
    assert {number for _, _, number in opened.used} == exact | {11}


def test_tf32_is_seen_in_the_results() -> None:
    """The stand-in would show an engine of TF32 in products that must be exact."""
    opened = Opened()
    x, w = (from_host(draw(*shape)) for shape in ((1, 8, 4, 4), (4, 8, 3, 3)))
    exact = on_host(ops.conv2d(x, w)[0])
    expected = reference.conv2d(on_host(x), on_host(w))[0]
    numpy.testing.assert_allclose(exact, expected, atol=1e-5)
    opened.backend.allow_tf32()
    assert 1e-5 < abs(on_host(ops.conv2d(x, w)[0]) - expected).max() < 1e-2


def test_an_engine_that_fails_is_left_out() -> None:
    opened = Opened()
    opened.library.is_broken = lambda engine: engine.number == EXACT
    values, _ = problem_of("conv2d", "plain", "float32")
    results(ops.conv2d, *given(values))
    assert opened.used == {(way, o, n) for way in WAYS for o in ORDERS for n in (16, 17)}
    results(ops.conv2d, *given(values))
    assert opened.used == {(way, "NCHW", 16) for way in WAYS}
    opened.library.is_broken = lambda engine: True
    with pytest.raises(RuntimeError, match="cudnnBackendExecute: CUDNN_STATUS_NOT_SUPPORTED: this"):
        results(ops.conv2d, *given(values))
    x, w = draw(1, 1, 3, 3), draw(1, 1, 2, 2)
    y, _ = ops.conv2d(from_host(x), from_host(w))  # by our own kernels
    numpy.testing.assert_allclose(on_host(y), reference.conv2d(x, w)[0], atol=1e-6)


def test_a_slow_method_has_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotuner, "RUNS", 2)
    monkeypatch.setattr(autotuner, "BLOCKS", 3)
    opened = Opened()
    fake_cupy.launches.clear()
    ops.conv2d(from_host(draw(1, 2, 3, 3)), from_host(draw(1, 2, 2, 2)))
    assert opened.library.executed.count(("forward", "NCHW", 16)) == 1 + 3 * 2  # 6 ms, after 5 ms
    assert fake_cupy.launches.count("conv") == 1 + 2  # 90 ms


def test_when_all_methods_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise MemoryError("out of memory")

    opened = Opened()
    opened.library.is_broken = lambda engine: True
    own: Any = SimpleNamespace(forward=full, backward=full)
    monkeypatch.setattr(autotuner, "OWN", {"direct": own})
    with pytest.raises(MemoryError, match="out of memory"):
        ops.conv2d(from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2)))


def test_without_an_engine_the_other_kernels_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "allowed", lambda convolution: frozenset({"not one of them"}))
    monkeypatch.setitem(ENGINES, "HEUR_MODE_A", ENGINES["HEUR_MODE_A"][:3])
    monkeypatch.setitem(ENGINES, "HEUR_MODE_FALLBACK", [])
    opened = Opened()
    for op in ("conv2d", "conv_relu_pool"):
        for dtype in ("float32", "float16"):
            values, _ = problem_of(op, "plain", dtype)
            wanted = results(getattr(ops, op), *values)
            with ops.dispatch.traced() as ran:
                found = results(getattr(ops, op), *given(values))
            assert ran == [(op, "kernel")]
            for got, expected in zip(found, wanted, strict=True):
                numpy.testing.assert_array_equal(got, expected)
    assert not opened.used


def test_arrays_at_any_address() -> None:
    """Engines read 16 bytes at a time."""
    Opened()
    x, w = draw(3, 1, 3, 3), draw(2, 1, 2, 2)
    y, _ = ops.conv2d(from_host(x)[1:], from_host(w))
    numpy.testing.assert_allclose(on_host(y), reference.conv2d(x[1:], w)[0], atol=1e-6)


def test_no_timing_while_a_stream_is_captured() -> None:
    opened = Opened()
    x, w = from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2))
    stream = streams.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            with pytest.raises(RuntimeError, match=r"the method for forward .* is not chosen"):
                ops.conv2d(x, w)
        finally:
            stream.end_capture()
    assert not opened.used


LAYERS: list[Layer] = [
    *(Conv2D(2, 3, padding="same"), ReLU(), MaxPool2D(2)),
    *(Conv2D(3, 3, padding="same"), BatchNorm(), ReLU(), Flatten(), Dense(3)),
]


class Trained(NamedTuple):
    """The weights after a training of two epochs, of full batches and a smaller one."""

    weights: dict[str, numpy.ndarray]
    losses: list[float]
    notes: list[str]

    @classmethod
    def on(cls, opened: Backend, dtype: str = "float32") -> "Trained":
        model = Model(LAYERS, input_shape=(1, 8, 8), backend=opened, seed=1, dtype=dtype)
        data = images((1, 8, 8), 3, 10)
        history = model.fit(data, epochs=2, batch_size=4, health=False, optimizer=SGD(0.05))
        weights = {path: opened.to_host(x) for path, x in flatten(model.params).items()}
        return cls(weights, history["loss"], history.notes)


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-5), ("float16", 2e-3)])
def test_training_equals_numpys(dtype: str, close: float) -> None:
    opened = Opened()
    found, expected = (Trained.on(one, dtype) for one in (opened.backend, backend.load("numpy")))
    assert {way for way, _, _ in opened.used} == set(WAYS)
    assert found.notes == expected.notes
    numpy.testing.assert_allclose(found.losses, expected.losses, rtol=close)
    for path, x in found.weights.items():
        numpy.testing.assert_allclose(x, expected.weights[path], atol=close)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_captured_steps_have_equal_bits(dtype: str) -> None:
    """Methods are timed in the step before the capture; a graph repeats cuDNN's launches."""
    ends, calls = [], []
    for setting in ("cudnn-graph", "cudnn", "cudnn-graph", "cudnn"):
        opened = Opened(setting)
        backend._kernels[opened.backend.array_type]["dense"].args[0].has_own_products = True  # type: ignore[attr-defined]
        end = Trained.on(opened.backend, dtype)
        assert "no CUDA graph" not in " ".join(end.notes)
        ends.append((end.losses, {path: x.tobytes() for path, x in end.weights.items()}))
        calls.append(len(opened.library.executed))
    assert ends[0] == ends[1] == ends[2] == ends[3]
    assert calls[2] < calls[3]  # both without timing


def test_descriptors_are_freed() -> None:
    opened = Opened()
    x, w = from_host(draw(1, 1, 3, 3)), from_host(draw(1, 1, 2, 2))
    for _ in range(2):
        ops.conv2d(x, w)
    alive = len(opened.library.alive)
    for _ in range(3):
        ops.conv2d(x, w)
    assert len(opened.library.alive) == alive


def test_without_the_library_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", "cudnn")
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    cause, remedy = backend.problem("cupy") or ("", "")
    assert cause.startswith("XPCNN_CUDA_KERNELS asks for cuDNN, which cannot be used (")
    assert remedy == 'pip install "xpcnn[cudnn]", or XPCNN_CUDA_KERNELS=1 to leave it out'


def test_an_old_library_is_refused() -> None:
    library = Library()
    library.cudnnGetVersion = lambda: 8907  # type: ignore[method-assign]
    with pytest.raises(cudnn.CudnnError, match="cuDNN 8907 is older than 9"):
        cudnn.Api(library)
