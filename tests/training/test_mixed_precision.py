"""Networks that compute in half precision: what is rounded and what is not, and the loss scale."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.fake_cupy import cupy_on_host
from tests.group.members import together
from tests.training.test_step import digits
from xpcnn import Model, backend, ops
from xpcnn.errors import BackendError, ConfigError, XpcnnError
from xpcnn.layers import (
    GELU,
    BatchNorm,
    Context,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    PReLU,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.model_loading import load_model
from xpcnn.optimizers import SGD, Adam
from xpcnn.training import Checkpoints, loss_scale, step
from xpcnn.training.recipe import random_source
from xpcnn.types import flatten

LAYERS: list[Layer] = [
    *(Conv2D(4, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2D(2), Dropout(0.1)),
    Residual(Sequential([Conv2D(4, 3, padding="same"), BatchNorm()])),
    *(PReLU(), GELU(), GlobalAvgPool2D(), Dense(10)),
]
HALF = {
    "numpy": ("float16",),
    "torch": ("float16", "bfloat16"),
    "cupy": ("float16",),
    "cupy-on-host": ("float16",),
}
UNITS = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
SMALLEST = {"float16": 2.0**-24, "bfloat16": 0.0}  # distance of the numbers next to 0
EVERY = [(name, dtype) for name, dtypes in HALF.items() for dtype in dtypes]
on_every = pytest.mark.parametrize(("lib", "dtype"), EVERY)


def library(name: str) -> Any:
    if name == "cupy-on-host":
        return cupy_on_host()
    if backend.problem(name) is not None:
        pytest.skip(f"{name}: not installed")
    return backend.load(name)


def model(dtype: str, layers: Any = LAYERS, name: str = "numpy", **options: Any) -> Model:
    return Model(layers, input_shape=(1, 8, 8), dtype=dtype, backend=library(name), **options)


def arrays(m: Model) -> dict[str, numpy.ndarray]:
    return {path: m.backend.to_host(x) for path, x in flatten(m.params).items()}


PRODUCTS = {
    "conv2d": ((4, 3, 6, 6), (5, 3, 3, 3), 5),
    "conv_transpose2d": ((4, 3, 6, 6), (3, 5, 3, 3), 5),
    "dense": ((6, 50), (50, 4), 4),
}


@pytest.mark.parametrize("op", PRODUCTS)
@on_every
def test_products_are_summed_in_float32(lib: str, dtype: str, op: str) -> None:
    """Besides float32's rounding of each of k terms: the product is rounded to half precision, and
    so is the sum with the bias, or each of the 9 sums of a pixel of dx."""
    opened, draw = library(lib), numpy.random.default_rng(0)
    half, wide = opened.dtype(dtype), opened.dtype("float64")
    *shapes, units = PRODUCTS[op]
    given = [
        opened.xp.astype(opened.from_host(draw.standard_normal(shape)), half)
        for shape in (*shapes, (units,))
    ]
    found, back = getattr(ops, op)(*given)
    dy = opened.xp.astype(opened.from_host(draw.standard_normal(tuple(found.shape))), half)
    assert found.dtype == half
    got = [opened.to_host(opened.xp.astype(x, wide)) for x in (found, *back(dy))]
    *exact, dy_exact = (opened.to_host(opened.xp.astype(x, wide)) for x in (*given, dy))
    terms = max(x.size for x in exact)  # at least as many as any sum has
    factor = 10 * UNITS[dtype] + terms * 2.0**-24

    def all_of(arguments: Any, dy: numpy.ndarray) -> list[numpy.ndarray]:
        y, pullback = getattr(ops.reference, op)(*arguments)
        return [y, *pullback(dy)]

    magnitudes = all_of([abs(x) for x in exact], abs(dy_exact))
    for g, e, magnitude in zip(got, all_of(exact, dy_exact), magnitudes, strict=True):
        assert (abs(g - e) <= factor * magnitude + 10 * SMALLEST[dtype]).all()


@on_every
def test_other_ops_compute_in_float32_and_round_once(lib: str, dtype: str) -> None:
    opened, draw = library(lib), numpy.random.default_rng(0)
    half, single = opened.dtype(dtype), opened.dtype("float32")

    def up(x: Any) -> Any:
        return opened.xp.astype(x, single)

    x = opened.xp.astype(opened.from_host(draw.standard_normal((4, 3, 6, 6))), half)
    scale = up(opened.from_host(draw.standard_normal(3)))
    for op, more in (("gelu", ()), ("avg_pool2d", ()), ("batch_norm", (scale, scale))):
        options = {"size": 2} if op == "avg_pool2d" else {}
        y, back = getattr(ops, op)(x, *more, **options)
        wide_y, wide_back = getattr(ops, op)(up(x), *more, **options)
        first, wide = (y[0], wide_y[0]) if more else (y, wide_y)
        assert first.dtype == half
        grads, wide_grads = back(first), wide_back(up(first))
        pairs = [(first, wide), *zip(grads, wide_grads, strict=True)]
        for got, expected in pairs:
            rounded = opened.xp.astype(expected, got.dtype)
            numpy.testing.assert_array_equal(opened.to_host(up(got)), opened.to_host(up(rounded)))
        assert [g.dtype for g in grads] == [half, *[single] * len(more)]
        if more:  # statistics
            assert [s.dtype for s in y[1:]] == [single, single]


@on_every
def test_gradients_of_parameters_are_float32(lib: str, dtype: str) -> None:
    m = model(dtype, name=lib)
    x = m.backend.from_host(numpy.ones((2, 1, 8, 8), "float32"))
    ctx = Context(True, True, 1, random_source(m.network, 0))
    y, _, back = m.network.computing.forward(m.params, m.buffers, x, ctx)
    dx, grads = back(y)
    assert dx is not None
    assert {str(a.dtype).rpartition(".")[2] for a in (y, dx, *flatten(grads).values())} == {
        "float32"
    }


@on_every
def test_a_network_trains_as_in_float32(lib: str, dtype: str) -> None:
    found = {}
    for chosen in ("float32", dtype):
        m = model(chosen, [Conv2D(4, 3), BatchNorm(), ReLU(), Flatten(), Dense(10)], lib)
        history = m.fit(digits(60), epochs=8, batch_size=15, optimizer=Adam(0.01))
        assert not history.notes
        found[chosen] = m.evaluate(digits(60))["accuracy"]
        assert (m.dtype, m.compute_dtype) == ("float32", chosen)
        assert {str(x.dtype) for x in arrays(m).values()} == {"float32"}
    assert found[dtype] > 0.97 < found["float32"]


def test_the_forward_pass_is_rounded() -> None:
    """The weights are float32's; the outputs are numbers of float16."""
    x = numpy.random.default_rng(0).standard_normal((5, 1, 8, 8)).astype("float32")
    half, single = model("float16"), model("float32")
    for path, w in arrays(half).items():
        numpy.testing.assert_array_equal(w, arrays(single)[path])
    scores = half.network.scores(x)
    assert scores.dtype == numpy.float32
    numpy.testing.assert_array_equal(scores, scores.astype("float16").astype("float32"))
    assert not numpy.array_equal(scores, single.network.scores(x))


def test_an_overflow_skips_the_update_and_halves_the_scale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Weights stay; after some updates that were not skipped the scale doubles again."""
    module = import_module("xpcnn.training.run")
    scales = []

    def recorded(*given: Any) -> Any:
        after = step.training_step(*given)
        scales.append(float(after.scaling["scale"]))
        return after

    monkeypatch.setattr(module, "training_step", recorded)
    monkeypatch.setattr(loss_scale, "GROW_AFTER", 3)
    # times a gradient of 1, which the first scores have, more than 65504
    monkeypatch.setattr(loss_scale, "FIRST", loss_scale.FIRST | {"scale": 2.0**20})
    options: dict[str, Any] = {"batch_size": 8, "optimizer": Adam(0.01)}
    m = model("float16", [Flatten(), Dense(10)])
    before = arrays(m)
    history = m.fit(digits(8), epochs=1, **options)
    assert history.notes == [
        "float16: 1 of 1 updates were skipped, as gradients overflowed, and the loss scale is now "
        "524288"
    ]
    for path, w in arrays(m).items():
        numpy.testing.assert_array_equal(w, before[path])
    scales.clear()
    m.fit(digits(8), epochs=12, **options)
    skipped = next(i for i, scale in enumerate(scales) if i and scale == scales[i - 1])
    assert scales[:skipped] == [2.0 ** (19 - i) for i in range(skipped)]
    assert scales[skipped : skipped + 3] == [scales[skipped - 1]] * 2 + [2 * scales[skipped - 1]]
    assert not numpy.array_equal(arrays(m)["layers.1.weight"], before["layers.1.weight"])


def test_resumed_to_the_last_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_scale, "FIRST", {**loss_scale.FIRST, "scale": 2.0**20})
    monkeypatch.setattr(loss_scale, "GROW_AFTER", 4)
    options: dict[str, Any] = {"batch_size": 8, "optimizer": SGD(0.05, momentum=0.9), "ema": 0.9}
    whole = model("float16")
    whole.fit(digits(40), epochs=4, **options)
    broken = model("float16")
    broken.fit(digits(40), epochs=2, checkpoints=Checkpoints(tmp_path), **options)
    resumed = model("float16")
    resumed.fit(digits(40), epochs=4, checkpoints=Checkpoints(tmp_path), resume=True, **options)
    for path, w in arrays(whole).items():
        numpy.testing.assert_array_equal(arrays(resumed)[path], w)


def test_processes_skip_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_scale, "FIRST", {**loss_scale.FIRST, "scale": 2.0**20})

    def trained(member: Any) -> tuple[dict[str, numpy.ndarray], list[str]]:
        m = model("float16", seed=1)
        history = m.fit(digits(40), epochs=2, batch_size=8, group=member)
        return arrays(m), history.notes

    (first, notes), (second, _) = together(2, trained)
    assert notes[0].startswith("float16: ")
    for path, w in first.items():
        numpy.testing.assert_array_equal(second[path], w)


def test_a_collapsed_scale_is_a_divergence() -> None:
    to_device = numpy.float32
    assert loss_scale.collapse({}) is None
    state = {"scale": to_device(1.0), "since": to_device(0), "skipped": to_device(17)}
    assert loss_scale.collapse(state) is None
    text = loss_scale.collapse(state | {"scale": to_device(0.5)})
    assert text == "gradients overflow float16 whatever the loss scale; 17 updates were skipped"


def test_divergence_advises_float32() -> None:
    with pytest.raises(XpcnnError, match=r"diverged.*\n.*dtype 'float32', in which nothing over"):
        model("float16").fit(digits(60), epochs=3, optimizer=SGD(1e6))


def test_files_have_weights_of_float32(tmp_path: Path) -> None:
    m = model("float16")
    m.fit(digits(40), epochs=1)
    m.save(tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    assert (again.dtype, again.compute_dtype) == ("float32", "float16")
    numpy.testing.assert_array_equal(
        again.predict_proba(digits(9).images), m.predict_proba(digits(9).images)
    )


def test_what_no_library_computes() -> None:
    with pytest.raises(BackendError, match=r"'numpy' does not compute in bfloat16\nTry: dtype 'fl"):
        model("bfloat16")
    with pytest.raises(BackendError, match=r"'cupy' does not compute in bfloat16\nTry: dtype 'fl"):
        model("bfloat16", name="cupy-on-host")
    strict = library("array_api_strict")
    with pytest.raises(BackendError, match="'array_api_strict' does not compute in float16"):
        model("float16").to(strict)
    with pytest.raises(ConfigError, match="dtype is 'half', expected 'float32', 'float64', 'float"):
        model("half")
