"""Dropout: a known answer, and what it does not depend on."""

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib
from xpcnn import random
from xpcnn.errors import ConfigError, XpcnnError
from xpcnn.initializers import Draw
from xpcnn.layers import (
    Context,
    Dropout,
    ReLU,
    Residual,
    Sequential,
    SpatialDropout,
    StochasticDepth,
)
from xpcnn.types import Array, Shape


def context(lib: Lib, *, training: bool = True, step: int = 1, seed: int = 0) -> Context:
    def source(path: str, step: int, shape: Shape) -> Array:
        return lib.backend.uniform(random.key(seed, f"dropout/{path}"), step, shape)

    return Context(training, grad=True, forward_pass=step, source=source)


def dropped(lib: Lib, ctx: Context, shape: Shape = (1, 64)) -> list[float]:
    x = lib.asarray(numpy.ones(shape))
    return lib.to_host(Dropout(0.5).forward({}, {}, x, ctx)[0]).ravel().tolist()


def test_the_known_answer(lib: Lib) -> None:
    """Seed 0, `dropout/layers.3`, step 1: the words are df90f713 8548b92f 39903cea e3b8f2bf."""
    network = Sequential([ReLU(), ReLU(), ReLU(), Dropout(0.5)])
    params, buffers, _ = network.init((4,), Draw(0))
    x = lib.asarray([[1.0, 2.0, 3.0, 4.0]])
    y, _, back = network.forward(params, buffers, x, context(lib))
    assert_same(y, [[2.0, 4.0, 0.0, 8.0]], lib)  # 0x39.. is below 1/2 of 2^32
    assert_same(back(lib.asarray([[1.0, 1.0, 1.0, 1.0]]))[0], [[2.0, 2.0, 0.0, 2.0]], lib)


def test_channels_and_samples_as_a_whole(lib: Lib) -> None:
    """The words of the known answer, one for each channel, or for each sample."""
    layers = [ReLU(), ReLU(), ReLU()]
    x = numpy.arange(1.0, 9.0).reshape(1, 4, 1, 2)
    network = Sequential([*layers, SpatialDropout(0.5)])
    params, buffers, _ = network.init((4, 1, 2), Draw(0))
    y, _, back = network.forward(params, buffers, lib.asarray(x), context(lib))
    kept = numpy.asarray([[2.0, 2.0], [2.0, 2.0], [0.0, 0.0], [2.0, 2.0]]).reshape(x.shape)
    assert_same(y, kept * x, lib)
    assert_same(back(lib.asarray(numpy.ones(x.shape)))[0], kept, lib)

    samples = x.reshape(4, 1, 1, 2)
    network = Sequential([*layers, StochasticDepth(0.5)])
    y, _, back = network.forward(params, buffers, lib.asarray(samples), context(lib))
    assert_same(y, kept.reshape(samples.shape) * samples, lib)
    assert_same(back(lib.asarray(numpy.ones(samples.shape)))[0], kept.reshape(samples.shape), lib)


def test_stochastic_depth_leaves_the_shortcut(lib: Lib) -> None:
    """Of a residual that doubles x: 3 x where the body is kept and scaled, x where it is not."""
    network = Residual(StochasticDepth(0.5))
    x = numpy.arange(1.0, 9.0).reshape(8, 1)
    y, _, _ = network.forward({"body": {}}, {"body": {}}, lib.asarray(x), context(lib))
    ratios = lib.to_host(y) / x
    assert sorted({float(r) for r in ratios.ravel()}) == [1.0, 3.0]


def test_draws_depend_on_seed_path_and_step_alone(lib: Lib) -> None:
    one = dropped(lib, context(lib).at("a"))
    assert dropped(lib, context(lib).at("a")) == one
    assert dropped(lib, context(lib).at("a"), (8, 8)) == one  # row-major elements
    assert dropped(lib, context(lib).at("b")) != one
    assert dropped(lib, context(lib, step=2).at("a")) != one
    assert dropped(lib, context(lib, seed=1).at("a")) != one


def test_the_mean_stays(lib: Lib) -> None:
    values = dropped(lib, context(lib), (100, 100))
    assert set(values) == {0.0, 2.0}
    assert abs(sum(values) / len(values) - 1.0) < 0.03  # three standard deviations


def test_inference_and_rate_0_change_nothing(lib: Lib) -> None:
    x = lib.asarray([[1.0, 2.0]])
    kinds = (Dropout, SpatialDropout, StochasticDepth)
    cases = [(kind(0.5), context(lib, training=False)) for kind in kinds]
    cases += [(kind(0.0), context(lib)) for kind in kinds]
    for layer, ctx in cases:
        y, _, back = layer.forward({}, {}, x, ctx)
        assert y is x
        assert back(x) == (x, {})
        assert back(x, want_dx=False) == (None, {})


def test_a_draw_needs_a_source() -> None:
    with pytest.raises(XpcnnError) as caught:
        Dropout(0.5).forward({}, {}, numpy.ones((1, 2)), Context(training=True).at("layers.1"))
    assert str(caught.value) == (
        "layers.1: a random draw needs a Context with a source\n"
        "Try: Context(source=...), a function (path, forward_pass, shape) -> uniforms, as "
        "lambda path, forward_pass, shape: numpy.random.random(shape)"
    )


def test_bad_rates() -> None:
    for rate in (1.0, -0.1, 2.0):
        with pytest.raises(ConfigError) as caught:
            Dropout(rate)
        text = f"Dropout: rate must be a number >= 0 and < 1, got {rate:g}"
        assert str(caught.value) == f"{text}\nTry: Dropout(rate=0.5)"
