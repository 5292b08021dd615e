"""Networks of ONNX files in layers of xpcnn: by eye, and there and back; what cannot be read."""

import re
from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
from onnx import numpy_helper, parser

import xpcnn
from tests.cli.process import ROOT
from tests.io.onnx.runtime import assert_close, model_of, run, samples
from tests.io.onnx.test_export import MORE, WRITTEN
from tests.presets import OF_EVERY_KIND, SMALL, narrow
from xpcnn import models
from xpcnn.errors import CheckpointError, ConfigError
from xpcnn.io.onnx.importing import operators
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, ReLU
from xpcnn.types import Shape

TEXT = '<ir_version: 8, opset_import: ["" : {opset}]> g ({input}) => ({output}) {{ {nodes} }}'


def written(
    path: Path,
    nodes: str,
    constants: dict[str, Any] | None = None,
    *,
    inputs: str = "float[n, 2, 6, 6] x",
    output: str = "float[n, k] y",
    opset: int = 17,
) -> Path:
    """Write the graph of nodes in ONNX's notation: `y = Relu(x)`."""
    model = parser.parse_model(TEXT.format(input=inputs, output=output, nodes=nodes, opset=opset))
    for name, value in (constants or {}).items():
        x = numpy.asarray(value)
        model.graph.initializer.append(
            numpy_helper.from_array(x.astype("f4") if x.dtype.kind == "f" else x, name)
        )
    onnx.save(model, path)
    return path


def kinds(model: xpcnn.Model) -> list[str]:
    """Return the types of the layers in a network, in order, without containers."""
    return [row.type for row in model.summary(1).rows]


def test_a_network_by_eye(tmp_path: Path) -> None:
    nodes = """
        a = Sub(x, mean)  b = Div(a, std)  c = Relu(b)
        d = Gemm <transB = 1> (c, w, bias)  y = Softmax <axis = 1> (d)
    """
    constants = {
        "mean": [1.0, 2.0],
        "std": [2.0, 4.0],
        "w": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        "bias": [0.5, 1.5, 2.5],
    }
    path = written(tmp_path / "m.onnx", nodes, constants, inputs="float[n, 2] x")
    model = xpcnn.import_onnx(path)
    assert kinds(model) == ["ReLU", "Dense"]
    assert (model.mean, model.std) == ((1.0, 2.0), (2.0, 4.0))
    numpy.testing.assert_array_equal(model.params["layers.1"]["weight"], [[1, 3, 5], [2, 4, 6]])
    numpy.testing.assert_array_equal(model.params["layers.1"]["bias"], [0.5, 1.5, 2.5])
    sample = numpy.array([[5, -2]], "f4")  # normalised 2, -1
    numpy.testing.assert_array_equal(model.predict_scores(sample), [[2.5, 7.5, 12.5]])
    assert_close(model.predict_proba(sample), run(path, sample))


RNG = numpy.random.default_rng(0)
W = RNG.normal(0, 0.5, (2, 2, 3, 3))
M = RNG.normal(0, 0.5, (72, 3))


def test_branches(tmp_path: Path) -> None:
    """Concatenation in the manner of a dense network, whose second one takes the first apart."""
    nodes = """
        a = Relu(x)  b = Concat <axis = 1> (x, a)  c = Conv(b, w)
        d = Concat <axis = 1> (x, a, c)  e = GlobalAveragePool(d)  y = Squeeze(e, axes)
    """
    constants = {"w": W.reshape(1, 4, 3, 3)[:, :, :1, :1], "axes": [2, 3]}
    path = written(tmp_path / "m.onnx", nodes, constants)
    model = xpcnn.import_onnx(path)
    x = samples(3, (2, 6, 6))
    assert_close(model.predict_scores(x), run(path, x))
    assert model.output_shape == (5,)


def test_samples_with_channels_last(tmp_path: Path) -> None:
    nodes = """
        a = Sub(x, mean)  b = Transpose <perm = [0,3,1,2]> (a)  c = Conv(b, w)
        d = Transpose <perm = [0,2,3,1]> (c)  f = Flatten(d)  y = MatMul(f, m)
    """
    constants = {"mean": [1.0, 2.0], "w": W, "m": M[:32]}
    path = written(tmp_path / "m.onnx", nodes, constants, inputs="float[n, 6, 6, 2] x")
    model = xpcnn.import_onnx(path)
    assert model.input_shape == (2, 6, 6)
    assert (model.mean, model.std) == ((1.0, 2.0), (1.0, 1.0))
    assert "channels first" in model.provenance["notes"][1]
    x = samples(3, (2, 6, 6))
    assert_close(model.predict_scores(x), run(path, x.transpose(0, 2, 3, 1).copy()))


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    """An output that is not taken, and maps that become a row."""
    output = "float[n, 1, 4, 4] a, float[n, 2, 6, 6] b"
    path = written(tmp_path / "m.onnx", "a = Conv(x, w)  b = Relu(x)", {"w": W[:1]}, output=output)
    model = xpcnn.import_onnx(path)
    assert model.output_shape == (16,)
    assert model.provenance["notes"][1:] == [
        "of the outputs of the file, 'a' is taken, and not 'b'",
        "the output (1, 4, 4) of a sample is taken as a row of 16 scores",
    ]
    assert len(xpcnn.import_onnx(path, output="b").provenance["notes"]) == 3


@pytest.mark.parametrize("last", ["Sigmoid(b)", "Softmax(b)", "LogSoftmax(b)"])
def test_the_end_decides_the_loss(last: str, tmp_path: Path) -> None:
    nodes = f"a = Flatten(x)  b = MatMul(a, m)  y = {last}"
    path = written(tmp_path / "m.onnx", nodes, {"m": M})
    model = xpcnn.import_onnx(path)
    assert kinds(model) == ["Flatten", "Dense"]
    x = samples(3, (2, 6, 6))
    found = model.predict_proba(x)
    assert_close(numpy.log(found) if last[:3] == "Log" else found, run(path, x))


ONE_WAY = ("Softplus(beta=2.0", "Softplus(beta=3.0", "GELU(approximate='tanh')", "Adaptive")
BACK = [
    (layer, shape)
    for layer, shape in [*((row[0], row[1]) for row in WRITTEN), *MORE]
    if not str(layer).startswith(ONE_WAY)
]


@pytest.mark.parametrize(("layer", "shape"), BACK, ids=lambda value: str(value)[:60])
def test_every_layer_there_and_back(layer: Layer, shape: Shape, tmp_path: Path) -> None:
    model = model_of([layer, Flatten(), Dense(3)], shape)
    model.set_normalisation(0.25, 1.5)
    xpcnn.export_onnx(model, tmp_path / "m.onnx")
    again = xpcnn.import_onnx(tmp_path / "m.onnx")
    x = samples(3, shape)
    assert_close(again.predict_scores(x), model.predict_scores(x), 1e-6)
    assert (again.mean, again.std) == (model.mean, model.std)


@pytest.mark.parametrize("name", OF_EVERY_KIND)
def test_presets_there_and_back(name: str, tmp_path: Path) -> None:
    size = (
        224 if name.startswith("vgg") else 48
    )  # its adaptive pooling has windows of one size there
    preset = models.preset(name) if name in SMALL else narrow(name, size)
    names = [f"class {i}" for i in range(preset.classes)]
    model = xpcnn.Model(
        preset.layers, input_shape=preset.input_shape, loss=preset.loss, classes=names
    )
    model.set_normalisation(0.5, 2.0)
    xpcnn.export_onnx(model, tmp_path / "m.onnx")
    again = xpcnn.import_onnx(tmp_path / "m.onnx")
    x = samples(4, preset.input_shape)
    numpy.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    assert (again.classes, again.loss) == (model.classes, model.loss)
    assert again.summary(1).parameters == model.summary(1).parameters


def test_an_imported_network_is_trained_and_saved(tmp_path: Path) -> None:
    train, _ = xpcnn.data.load("digits")
    made: list[Layer] = [Conv2D(4, 3), BatchNorm(), ReLU(), Flatten(), Dense(10)]
    model = xpcnn.Model(made, input_shape=train.shape)
    model.fit(train, epochs=1, progress=False)
    xpcnn.export_onnx(model, tmp_path / "m.onnx")
    again = xpcnn.import_onnx(tmp_path / "m.onnx")
    assert again.reading == model.reading
    assert again.classes == train.classes
    before = again.evaluate(train)["loss"]
    assert before == pytest.approx(model.evaluate(train)["loss"], rel=1e-5)
    again.fit(train, epochs=1, progress=False)
    assert again.evaluate(train)["loss"] < before
    again.save(tmp_path / "m.safetensors")
    opened = xpcnn.load(tmp_path / "m.safetensors")
    x = train.images[:9]
    numpy.testing.assert_array_equal(opened.predict_scores(x), again.predict_scores(x))


def test_all_that_cannot_be_is_named_at_once(tmp_path: Path) -> None:
    nodes = """
        a = LRN <size = 3> (x)  b = LRN <size = 3> (a)  c = Conv <dilations = [1]> (x, w)
        d = Add(b, c)  f = Flatten(d)  y = Det(f)
    """
    path = written(tmp_path / "m.onnx", nodes, {"w": W})
    with pytest.raises(CheckpointError) as caught:
        xpcnn.import_onnx(path)
    assert str(caught.value) == (
        f"{path}: these nodes cannot become layers: LRN (a, b): there is no such layer; "
        "Conv (c): dilations has 1 number, images have 2; Det (y): there is no such layer\n"
        "Try: a network of operators that `examples/guides/exchange.md` lists"
    )


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ("y = MatMul(x, m)", "its samples have shape (2, 6, 6), expected rows"),
        ("a = Add(x, big)  y = Flatten(a)", "is not one number for each channel"),
        ("a = LayerNormalization <axis = 0> (x, m)  y = Flatten(a)", "axes are [0, 1, 2, 3] of 4"),
        (
            "a = LayerNormalization <axis = 2> (x, m)  y = Flatten(a)",
            "its constant (72, 3) is not one number for each of (1, 6, 6)",
        ),
        (
            "a = GroupNormalization <num_groups = 3> (x, s, s)  y = Flatten(a)",
            "GroupNorm: 2 channels cannot be split into 3 groups",
        ),
        (
            "m1 = ReduceMean <axes = [1]> (x)  d = Sub(x, m1)  q1 = Pow(d, two)"
            "  v = ReduceMean <axes = [2]> (q1)  e1 = Add(v, two)  r = Sqrt(e1)  n = Div(d, r)"
            "  y = Flatten(n)",
            "ReduceMean (m1): axes are [1], expected those of rows and columns",
        ),
        ("a = Erf(x)  y = Flatten(a)", "it is not part of a GELU"),
        ("a = Div(x, x)  y = Flatten(a)", "both of its inputs depend on the samples"),
        ("y = Conv(x, z)", "its input 'z' is made by no node before it"),
        ("y = Conv(x, q)", "its input 'q' is of a type of numbers that no layer takes"),
        ("y = Conv(x, bad)", "its constant holds NaN or infinity"),
        ("a = ConstantOfShape(e)  y = Add(x, a)", "it makes a constant of 1,000,000,000,000"),
        ("a = Reshape(x, s)  y = Flatten(a)", "cannot be given the shape [7, -1]"),
        ("y = Identity(m)", "the output does not depend on the samples"),
        (
            "a = Relu(x)  b = Tanh(a)  c = Neg(a)  d = Add(b, x)  f = Add(c, d)  y = Flatten(f)",
            "what it makes is used in several branches that meet elsewhere",
        ),
    ],
)
def test_reasons(nodes: str, reason: str, tmp_path: Path) -> None:
    constants = {
        "m": M,
        "big": numpy.zeros((6, 6)),
        "q": numpy.zeros((2, 2, 1, 1), "i1"),
        "bad": numpy.full((2, 2, 1, 1), numpy.nan),
        "e": [10**6, 10**6],
        "s": [7, -1],
        "two": 2.0,
    }
    path = written(tmp_path / "m.onnx", nodes, constants)
    with pytest.raises(CheckpointError, match="these nodes cannot become layers") as caught:
        xpcnn.import_onnx(path)
    assert reason in str(caught.value)


def test_open_sizes_and_outputs(tmp_path: Path) -> None:
    nodes = "a = GlobalAveragePool(x)  y = Flatten(a)  z = Relu(y)"
    path = written(
        tmp_path / "m.onnx",
        nodes,
        inputs="float[n, 2, h, w] x",
        output="float[n,k] y, float[n,k] z",
    )
    with pytest.raises(
        CheckpointError, match=r"are left open: \(2, \?, \?\)\nTry: .*\(2, 224, 224\)"
    ):
        xpcnn.import_onnx(path)
    with pytest.raises(CheckpointError, match="asked for"):
        xpcnn.import_onnx(path, input_shape=(3, 5, 5))
    model = xpcnn.import_onnx(path, input_shape=(2, 5, 4), classes=["a", "b"], mean=1.0, std=2.0)
    assert (model.input_shape, model.classes, model.mean) == ((2, 5, 4), ("a", "b"), (1.0, 1.0))
    assert kinds(xpcnn.import_onnx(path, input_shape=(2, 5, 4), output="z")) == [
        *("GlobalAvgPool2D", "ReLU")
    ]
    with pytest.raises(CheckpointError, match="has no output 'w'\nTry: one of y, z"):
        xpcnn.import_onnx(path, input_shape=(2, 5, 4), output="w")


def test_normalised_twice(tmp_path: Path) -> None:
    path = written(tmp_path / "m.onnx", "a = Sub(x, t)  y = Flatten(a)", {"t": 3.0})
    with pytest.raises(ConfigError, match="normalises its samples itself\nTry: leave mean and std"):
        xpcnn.import_onnx(path, mean=1.0)


def test_the_guide_names_every_operator() -> None:
    guide = (ROOT / "examples/guides/exchange.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", guide))
    parts = {"Erf", "LayerNormalization along axes"}  # of GELU; of several operators
    assert set(operators.OPERATORS) - parts - named == set()
