"""Saliency and Grad-CAM are what finite differences of the score say."""

import numpy
import pytest

from tests.small_model import layers
from xpcnn import Model
from xpcnn.layers import (
    BatchNorm,
    Context,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
)
from xpcnn.losses import BCEWithLogits
from xpcnn.types import Array

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from xpcnn.report.layer_passes import trace
from xpcnn.report.saliency_maps import enlarged, grad_cam, last_maps, saliency

STEP = 1e-6
CLASSES = numpy.array([3, 0])
NETWORKS: dict[str, list[Layer]] = {
    "plain": layers(),
    "normalised": [Conv2D(4, 3), BatchNorm(), Sigmoid(), Dropout(0.5), Flatten(), Dense(10)],
    "residual": [
        Conv2D(4, 3),
        Residual(Sequential([Conv2D(4, 3, padding="same"), Sigmoid()])),
        GlobalAvgPool2D(),
        Dense(10),
    ],
}


@pytest.fixture
def raw() -> numpy.ndarray:
    return numpy.random.default_rng(0).uniform(0, 1, (2, 1, 8, 8)).astype(numpy.float32)


def score(model: Model, x: Array, row: int) -> float:
    """Return the score of the class of a sample."""
    y, _, _ = model.layers.forward(model.params, model.buffers, x, Context())
    return float(y[row, CLASSES[row]])


@pytest.mark.parametrize("name", NETWORKS)
def test_saliency_is_the_largest_gradient_of_the_score(name: str, raw: numpy.ndarray) -> None:
    model = Model(NETWORKS[name], input_shape=(1, 8, 8), dtype="float64")
    seen = trace(model.network, raw, CLASSES)
    found = saliency(seen)
    for row, i, j in ((0, 2, 5), (1, 7, 0), (1, 3, 3)):
        ends = []
        for sign in (1.0, -1.0):
            x = seen.x.copy()
            x[row, 0, i, j] += sign * STEP
            ends.append(score(model, x, row))
        assert found[row, i, j] == pytest.approx(abs(ends[0] - ends[1]) / (2 * STEP), abs=1e-7)


def test_grad_cam_weighs_each_map_by_the_gradient_of_the_score(raw: numpy.ndarray) -> None:
    """Adding h to all of map k changes the score by h * pixels * alpha_k."""
    model = Model(NETWORKS["normalised"], input_shape=(1, 8, 8), dtype="float64", seed=3)
    seen = trace(model.network, raw, CLASSES)
    last = last_maps(seen)
    assert last is not None
    assert last.path == "layers.3"  # after normalisation, activation and dropout
    after = Sequential(NETWORKS["normalised"][4:])
    params = {f"layers.{i}": model.params[f"layers.{i + 4}"] for i in range(2)}
    buffers = {f"layers.{i}": model.buffers[f"layers.{i + 4}"] for i in range(2)}
    weighted = numpy.zeros_like(last.y[:, 0])
    for k in range(4):
        ends = []
        for sign in (1.0, -1.0):
            y = last.y.copy()
            y[:, k] += sign * STEP
            scores, _, _ = after.forward(params, buffers, y, Context())
            ends.append(scores[numpy.arange(2), CLASSES])
        alpha = (ends[0] - ends[1]) / (2 * STEP) / last.y[0, 0].size
        weighted += alpha[:, None, None] * last.y[:, k]
    assert numpy.abs(grad_cam(last) - numpy.maximum(weighted, 0.0)).max() < 1e-7
    assert (grad_cam(last).max(axis=(1, 2)) > 0.0).all()


def test_every_layer_tells_its_outputs_and_gradients(raw: numpy.ndarray) -> None:
    model = Model(NETWORKS["residual"], input_shape=(1, 8, 8))
    seen = trace(model.network, raw, CLASSES)
    assert [(p.path, p.type) for p in seen.passes] == [
        ("layers.0", "Conv2D"),
        ("layers.1.body.layers.0", "Conv2D"),
        ("layers.1.body.layers.1", "Sigmoid"),
        ("layers.2", "GlobalAvgPool2D"),
        ("layers.3", "Dense"),
    ]
    for layer_pass in seen.passes:
        assert layer_pass.dy is not None
        assert layer_pass.dy.shape == layer_pass.y.shape
        assert layer_pass.dx is not None
        assert layer_pass.dx.shape == layer_pass.x.shape
    assert numpy.allclose(seen.scores, model.predict_scores(raw), atol=1e-5)
    first = seen.passes[0].dx
    assert first is not None
    assert numpy.array_equal(seen.dx, first)


def test_one_output_scores_both_classes(raw: numpy.ndarray) -> None:
    """The score of class 1 is the output, that of class 0 its negative."""
    model = Model([Flatten(), Dense(1)], input_shape=(1, 8, 8), loss=BCEWithLogits())
    up = trace(model.network, raw, numpy.array([1, 1])).dx
    down = trace(model.network, raw, numpy.array([0, 0])).dx
    assert numpy.array_equal(up, -down)


def test_the_last_maps_end_before_pooling(raw: numpy.ndarray) -> None:
    network: list[Layer] = [
        Conv2D(4, 3, padding="same"),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(10),
    ]
    last = last_maps(trace(Model(network, input_shape=(1, 8, 8)).network, raw, CLASSES))
    assert last is not None
    assert (last.path, last.y.shape) == ("layers.1", (2, 4, 8, 8))


def test_a_network_without_convolutions_has_no_last_maps(raw: numpy.ndarray) -> None:
    model = Model([MaxPool2D(2), ReLU(), Flatten(), Dense(10)], input_shape=(1, 8, 8))
    assert last_maps(trace(model.network, raw, CLASSES)) is None


def test_maps_are_enlarged_between_the_centres_of_pixels() -> None:
    small = numpy.array([[[0.0, 4.0]]])
    assert enlarged(small, (2, 4)).tolist() == [[[0.0, 1.0, 3.0, 4.0]] * 2]
    assert enlarged(small, (1, 2)).tolist() == small.tolist()
