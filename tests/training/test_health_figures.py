"""What a look at a network measures: figures of cases computed by hand."""

import math
from typing import Any

import numpy
import pytest

from tests.lib import Host, Lib
from xpcnn import Model
from xpcnn.config.training_options import TrainingOptions
from xpcnn.initializers import Constant, Draw
from xpcnn.layers import Context, Dense, Layer, ReLU, Sigmoid, Tanh
from xpcnn.losses import MSE, BCEWithLogits, SoftmaxCrossEntropy
from xpcnn.optimizers import SGD
from xpcnn.samples import Samples
from xpcnn.training.health import Figures
from xpcnn.training.health_probe import expected_loss, measured
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import recipe_for
from xpcnn.training.updates import Updates
from xpcnn.types import Array, LayerPullback, Params, Shape


def figures(library: Any, layers: list[Layer], x: Any, labels: Any, dtype: str) -> Figures:
    """Return what a probed step finds before the first update, at a learning rate of 1."""
    x = numpy.asarray(x, dtype)
    model = Model(layers, input_shape=x.shape[1:], backend=library, dtype=dtype)
    options = TrainingOptions(optimizer=SGD(1.0), batch_size=len(x))
    to_device = model.backend.from_host
    channels = (numpy.zeros(x.shape[1], dtype), numpy.ones(x.shape[1], dtype))
    samples = Samples(to_device(x), to_device(numpy.asarray(labels)), *map(to_device, channels))
    recipe = recipe_for(model.network, options, 0)
    start = beginning(recipe, model.network)
    update = next(Updates(model.network, samples, options, 0).epoch(1, 0, []))
    return measured(model.network, recipe, start, update, samples.labels)


class Rows:
    """An initializer that gives a matrix."""

    def __init__(self, *rows: tuple[float, ...]) -> None:
        self.rows = rows

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return numpy.asarray(self.rows, numpy.float32)


def test_figures_of_a_case_computed_by_hand(lib: Lib) -> None:
    """x = 1, of two samples: z = (1, -1) for both, h = (1, 0), scores = (1, 0), and so class 0."""
    layers: list[Layer] = [
        Dense(2, weight_init=Rows((1, -1), (1, -1))),
        ReLU(),
        Dense(2, weight_init=Rows((1, 0), (0, 1))),
    ]
    seen = figures(lib.backend, layers, [[1, 0], [0, 1]], [0, 1], "float64")
    p = 1 / (1 + math.exp(-1))
    q = 1 - p  # dscores = (-q, q)/2 and (p, -p)/2, in some order
    assert seen.loss == pytest.approx(-(math.log(p) + math.log(q)) / 2)
    assert seen.expected == math.log(2)
    assert seen.dead == {"layers.1 (ReLU)": (1, 2)}
    assert seen.gradients == {
        "the input of layers.2 (Dense)": pytest.approx(math.sqrt((p * p + q * q) / 2)),
        "the input of layers.1 (ReLU)": pytest.approx(math.sqrt((p * p + q * q) / 4)),
    }
    assert seen.ratios == {
        "the weight of layers.0 (Dense)": pytest.approx(math.sqrt((p * p + q * q) / 4) / 2),
        "the weight of layers.2 (Dense)": pytest.approx((p - q) / 2),
    }
    assert (seen.decided, seen.labelled, seen.present) == ((2, 0), (1, 1), 2)
    assert seen.saturated == {}
    assert seen.equal == []


def test_figures_of_sigmoids_and_equal_weights(lib: Lib) -> None:
    layers: list[Layer] = [
        Dense(2, weight_init=Rows((9, 0.1))),
        Sigmoid(),
        Tanh(),
        Dense(2, weight_init=Constant(9.0)),
        Tanh(),
    ]
    seen = figures(lib.backend, layers, [[1.0], [-1.0]], [1, 1], "float32")
    assert seen.saturated == {
        "layers.1 (Sigmoid)": 0.5,
        "layers.2 (Tanh)": 0.0,
        "layers.4 (Tanh)": 1.0,
    }
    assert seen.equal == ["the weight of layers.3 (Dense)"]
    assert seen.present == 1


class Own:
    """A container that is no dataclass, in which no layer is watched."""

    def __init__(self, inner: Layer) -> None:
        self.inner = inner

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        params, buffers, out = self.inner.init(shape, draw.at("inner"))
        return {"inner": params}, {"inner": buffers}, out

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, own, back = self.inner.forward(params["inner"], buffers["inner"], x, ctx.at("inner"))

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, grads = back(dy, want_dx)
            return dx, {"inner": grads}

        return y, {"inner": own}, pullback


def test_figures_of_a_container_of_your_own() -> None:
    seen = figures("numpy", [Own(Dense(2))], [[1.0], [-1.0]], [0, 1], "float32")
    assert list(seen.ratios) == ["the weight of layers.0.inner"]


def test_the_loss_of_knowing_nothing() -> None:
    assert expected_loss(SoftmaxCrossEntropy(), 10) == math.log(10)
    assert expected_loss(BCEWithLogits(), 10) == math.log(2)
    assert expected_loss(MSE(), 10) is None
