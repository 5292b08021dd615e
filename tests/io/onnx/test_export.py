"""Exported files: ONNX's checker passes them, and ONNX Runtime gives the same as xpcnn."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy
import onnx
import pytest
from onnx import numpy_helper

import xpcnn
from tests.io.onnx.runtime import assert_close, model_of, run, samples
from tests.layers.test_every_layer import EVERY
from tests.presets import OF_EVERY_KIND, SMALL, narrow
from xpcnn import layers, models
from xpcnn.errors import ConfigError, PackageMissingError
from xpcnn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Layer,
    MaxPool2D,
    Multiply,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.types import Shape

WRITTEN = [row for row in EVERY if not isinstance(row[0], Activation)]
MORE: list[tuple[Layer, Shape]] = [
    (Dropout(0.5), (3,)),
    (Sequential([Dense(4), ReLU()]), (3,)),
    (Residual(Sequential([Conv2D(2, 3, padding=1), BatchNorm()])), (2, 4, 5)),
    (Residual(Conv2D(3, 1), Conv2D(3, 3, padding="same")), (2, 4, 5)),
    (Multiply(Sequential([GlobalAvgPool2D(), Dense(2), layers.Sigmoid()])), (2, 4, 5)),
    (Multiply(Sequential([Conv2D(1, 1), layers.Sigmoid()]), Conv2D(3, 1)), (2, 4, 5)),
    (Concat([Conv2D(3, 1), MaxPool2D(3, stride=1, padding=1)]), (2, 4, 5)),
    (Conv2D(3, (2, 4), padding="same", dilation=(1, 2)), (2, 6, 7)),
    (Conv2D(4, 3, stride=2, padding=((0, 1), (2, 1)), groups=2), (2, 6, 7)),
    (MaxPool2D(3, stride=2, ceil_mode=True), (2, 6, 7)),
    (MaxPool2D(2, padding=1, ceil_mode=True), (2, 5, 7)),
    (AvgPool2D(3, stride=2, padding=1, ceil_mode=True), (2, 6, 7)),
    (AvgPool2D(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False), (2, 6, 7)),
    (AvgPool2D(2, padding=((0, 1), (1, 0))), (2, 5, 7)),
    (layers.Softplus(), (5,)),
    (layers.Softplus(3.0, -1.0), (5,)),
    (layers.PReLU(), (5,)),
    (Flatten(), (5,)),
]


def exported(model: xpcnn.Model, path: Path) -> onnx.ModelProto:
    xpcnn.export_onnx(model, path)
    return onnx.load(path)


def test_a_network_by_eye(tmp_path: Path) -> None:
    """x = (6, 3), mean 2 and deviation 2: ((2, 0.5) W + b), ReLU."""
    model = xpcnn.Model([Dense(2), ReLU()], input_shape=(2,), classes=["a", "b"])
    weights = {"layers.0.weight": numpy.array([[1, -1], [2, 4]]), "layers.0.bias": [0.5, -3]}
    model.set_weights({key: numpy.asarray(value, "f4") for key, value in weights.items()})
    model.set_normalisation(2.0, 2.0)
    found = exported(model, tmp_path / "m.onnx")
    assert [node.op_type for node in found.graph.node] == [
        *("Sub", "Div", "Gemm", "Relu", "Identity", "Softmax")
    ]
    assert {x.name: numpy_helper.to_array(x).tolist() for x in found.graph.initializer} == {
        "mean": [2, 2],
        "std": [2, 2],
        "layers.0.weight": [[1, -1], [2, 4]],
        "layers.0.bias": [0.5, -3],
    }
    assert (found.ir_version, found.opset_import[0].version) == (8, 17)
    sample = numpy.array([[6, 3]], "f4")
    numpy.testing.assert_array_equal(run(tmp_path / "m.onnx", sample, "scores"), [[3.5, 0]])
    half = run(tmp_path / "m.onnx", sample, "probabilities")
    assert_close(half, model.predict_proba(sample).astype("f4"))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [*((row[0], row[1]) for row in WRITTEN), *MORE],
    ids=lambda value: str(value)[:60],
)
def test_every_layer(layer: Layer, shape: Shape, tmp_path: Path) -> None:
    model = model_of([layer, Flatten()], shape)
    path = tmp_path / "m.onnx"
    onnx.checker.check_model(exported(model, path), full_check=True)
    for count in (1, 3):
        x = samples(count, shape)
        assert_close(run(path, x), model.predict_scores(x))


def test_a_wrong_attribute_is_found(tmp_path: Path) -> None:
    """The comparison finds a hyperparameter that is not written."""
    model = model_of([layers.LeakyReLU(0.3)], (4,))
    found = exported(model, tmp_path / "m.onnx")
    found.graph.node[0].attribute[0].f = 0.301
    onnx.save(found, tmp_path / "m.onnx")
    x = samples(3, (4,))
    with pytest.raises(AssertionError):
        assert_close(run(tmp_path / "m.onnx", x), model.predict_scores(x))


@pytest.mark.parametrize("name", OF_EVERY_KIND)
def test_presets(name: str, tmp_path: Path) -> None:
    preset = models.preset(name) if name in SMALL else narrow(name)
    model = xpcnn.Model(preset.layers, input_shape=preset.input_shape, loss=preset.loss)
    model.set_normalisation(0.5, 2.0)
    exported(model, tmp_path / "m.onnx")
    x = samples(2, preset.input_shape)
    assert_close(run(tmp_path / "m.onnx", x, "scores"), model.predict_scores(x))
    assert_close(run(tmp_path / "m.onnx", x, "probabilities"), model.predict_proba(x))


@pytest.mark.parametrize("loss", ["cross-entropy", "bce", "mse"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_probabilities(loss: str, outputs: int, tmp_path: Path) -> None:
    if loss == "cross-entropy" and outputs == 1:
        return  # always 1
    model = xpcnn.Model([Dense(outputs)], input_shape=(2,), loss=loss)
    found = exported(model, tmp_path / "m.onnx")
    assert [output.name for output in found.graph.output] == ["scores", "probabilities"]
    x = samples(3, (2,))
    assert_close(run(tmp_path / "m.onnx", x, "probabilities"), model.predict_proba(x))


def test_classes_and_pictures_are_metadata(tmp_path: Path) -> None:
    train, _ = xpcnn.data.load("digits")
    model = xpcnn.Model([Flatten(), Dense(10)], input_shape=train.shape)
    model.fit(train, epochs=1, progress=False)
    found = exported(model, tmp_path / "m.onnx")
    notes = {entry.key: json.loads(entry.value) for entry in found.metadata_props}
    assert notes["classes"] == list("0123456789")
    assert notes["pictures"]["from"] == "drawn"
    assert notes["pictures"]["ground"] == "dark"
    x = train.images[:20].astype("f4")
    assert_close(run(tmp_path / "m.onnx", x), model.predict_scores(x))


@dataclass(frozen=True)
class Own(ReLU):
    """A layer of a user's own, though its parent is part of xpcnn."""


def test_layers_without_a_form_are_named_all_at_once(tmp_path: Path) -> None:
    own = Activation(lambda x: x, lambda x: x)
    model = xpcnn.Model([Residual(Own()), own, Dense(2)], input_shape=(3,))
    with pytest.raises(ConfigError) as caught:
        xpcnn.export_onnx(model, tmp_path / "m.onnx")
    assert str(caught.value) == (
        "these layers have no form in ONNX: layers.0.body (Own), layers.1 (Activation)\n"
        "Try: layers of xpcnn.layers in their place"
    )
    assert list(tmp_path.iterdir()) == []


def test_without_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpcnn.exchange.find_spec", lambda name: None)
    with pytest.raises(PackageMissingError, match=r"Try: pip install 'xpcnn\[onnx\]'"):
        xpcnn.export_onnx(model_of([Dense(2)], (3,)), tmp_path / "m.onnx")
