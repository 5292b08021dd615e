"""Single operators of ONNX files in layers of xpcnn."""

from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.io.onnx.runtime import assert_close, run, samples
from tests.io.onnx.test_import import RNG, W, kinds, written

POSITIVE = RNG.uniform(0.5, 1.5, (6, 6))


# nodes that make `a` of x (n, 2, 6, 6), constants, the layers that come of them
OPERATORS: list[tuple[str, dict[str, Any], str]] = [
    ("a = Conv <pads = [1,1,1,1]> (x, w)", {"w": W}, "Conv2D"),
    ('a = Conv <auto_pad = "SAME_LOWER"> (x, w)', {"w": W[:, :, :2, :2]}, "Conv2D"),
    ("b = Pad(x, p)  a = Conv(b, w)", {"w": W, "p": [0, 0, 2, 1, 0, 0, 0, 1]}, "Conv2D"),
    (
        "b = Conv <pads = [1,1,1,1]> (x, w)  c = Mul(b, s)  a = Add(t, c)",
        {"w": W, "s": [[[2.0]], [[3.0]]], "t": [[[0.5]], [[-1.0]]]},
        "Conv2D",
    ),
    (
        "b = Relu(x)  c = Pad(b, p)  a = MaxPool <kernel_shape = [3,3]> (c)",
        {"p": [0, 0, 1, 1, 0, 0, 1, 1]},
        "ReLU MaxPool2D",
    ),
    (
        "a = AveragePool <kernel_shape = [3,3], strides = [1,1], pads = [1,1,1,1]> (x)",
        {},
        "AvgPool2D",
    ),
    (
        "b = Neg(x)  c = Relu(b)  d = Sub(c, t)  a = Mul(d, t)",
        {"t": 2.0},
        "BatchNorm ReLU BatchNorm",
    ),
    ("b = Neg(x)  c = MaxPool <kernel_shape = [3,3]> (b)  a = Neg(c)", {}, "MinPool2D"),
    ("b = Pad(x, p)  a = Relu(b)", {"p": [0, 0, 1, 0, 0, 0, 2, 1]}, "Conv2D ReLU"),
    ("b = Pad(x, p)  a = Relu(b)", {"p": [0] * 8}, "ReLU"),
    ("b = Sigmoid(x)  a = Mul(b, x)", {}, "SiLU"),
    ("b = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x)  a = Mul(x, b)", {}, "HardSwish"),
    ("a = HardSigmoid(x)", {}, "HardSigmoid"),
    (
        "b = Add(x, three)  c = Clip(b, zero, six)  d = Mul(x, c)  a = Div(d, six)",
        {"three": 3.0, "zero": 0.0, "six": 6.0},
        "HardSwish",
    ),
    (
        "b = Add(x, three)  c = Clip(b, zero, six)  a = Div(c, six)",
        {"three": 3.0, "zero": 0.0, "six": 6.0},
        "HardSigmoid",
    ),
    ("b = Softplus(x)  c = Tanh(b)  a = Mul(x, c)", {}, "Mish"),
    (
        "b = Div(x, r)  c = Erf(b)  d = Add(c, one)  e = Mul(x, d)  a = Mul(e, half)",
        {"r": numpy.sqrt(2), "one": 1.0, "half": 0.5},
        "GELU",
    ),
    ("a = Clip(x, zero, top)", {"zero": -1.0, "top": 2.0}, "HardTanh"),
    ("a = Clip(x, zero)", {"zero": 0.0}, "ReLU"),
    ("a = PRelu(x, s)", {"s": [[[0.1]], [[0.3]]]}, "PReLU"),
    ("b = Relu(x)  a = Add(b, x)", {}, "ReLU"),
    ("b = Relu(x)  c = Tanh(x)  d = Add(b, c)  a = Add(x, d)", {}, "ReLU Tanh"),
    (
        "b = GlobalAveragePool(x)  c = Conv(b, w)  d = Sigmoid(c)  a = Mul(x, d)",
        {"w": W[:, :, :1, :1]},
        "GlobalAvgPool2D Reshape Conv2D Sigmoid",
    ),
    ("a = LayerNormalization <axis = 2> (x, w)", {"w": POSITIVE[:6, :6]}, "LayerNorm"),
    (
        "b = Transpose <perm = [0,3,2,1]> (x)  c = LayerNormalization <axis = 2> (b, w, v)"
        "  a = Transpose <perm = [0,3,2,1]> (c)",
        {"w": POSITIVE[:6, :2], "v": W[0, 0, 0, :2]},
        "LayerNorm",
    ),
    (
        "m = ReduceMean <axes = [-3,-2,-1]> (x)  d = Sub(x, m)  s = Pow(d, two)"
        "  v = ReduceMean <axes = [-3,-2,-1]> (s)  e = Add(v, eps)  r = Sqrt(e)  n = Div(d, r)"
        "  g = Mul(w, n)  a = Add(g, t)",
        {"two": 2.0, "eps": 0.5, "w": POSITIVE[:2, :6, None], "t": 3.0},
        "LayerNorm",
    ),
    ("a = InstanceNormalization(x, w, v)", {"w": [2.0, 3.0], "v": [1.0, -1.0]}, "GroupNorm"),
    (
        "b = Reshape(x, s)  c = InstanceNormalization(b, one, zero)  d = Reshape(c, t)"
        "  e = Mul(d, g)  a = Add(e, g)",
        {
            "s": [0, 1, -1],
            "t": [0, 2, 6, 6],
            "one": [1.0],
            "zero": [0.0],
            "g": [[[2.0]], [[3.0]]],
        },
        "GroupNorm",
    ),
    ("b = Identity(x)  a = Dropout(b)", {}, ""),
    (
        "b = Transpose <perm = [0,2,3,1]> (x)  c = Relu(b)  a = Transpose <perm = [0,3,1,2]> (c)",
        {},
        "ReLU",
    ),
    (
        "b = Shape(x)  c = Gather(b, i)  d = Concat <axis = 0> (c, e)  a = Reshape(x, d)",
        {"i": [0], "e": [-1]},
        "",
    ),
]


@pytest.mark.parametrize(("nodes", "constants", "made"), OPERATORS, ids=lambda v: str(v)[:50])
def test_operators(nodes: str, constants: dict[str, Any], made: str, tmp_path: Path) -> None:
    """The layers are as expected, and compute what ONNX Runtime does."""
    path = written(tmp_path / "m.onnx", f"{nodes}  y = Flatten(a)", constants)
    model = xpcnn.import_onnx(path)
    assert [kind for kind in kinds(model) if kind != "Flatten"] == made.split()
    x = samples(3, (2, 6, 6))
    assert_close(model.predict_scores(x), run(path, x))


GROUPS = "b = Concat <axis = 1> (x, x)  a = GroupNormalization <num_groups = 2> (b, w, v)"


@pytest.mark.parametrize(
    ("opset", "nodes", "constants", "made"),
    [
        (18, GROUPS, {"w": [2.0, 3.0], "v": [-1.0, 1.0]}, "GroupNorm"),
        (21, GROUPS, {"w": [2.0, 3.0, 4.0, 5.0], "v": [-1.0, 1.0, 0.5, 2.0]}, "GroupNorm"),
        (
            18,
            "m = ReduceMean(x, t)  d = Sub(x, m)  s = Pow(d, two)  v = ReduceMean(s, t)"
            "  e = Add(v, eps)  r = Sqrt(e)  a = Div(d, r)",
            {"t": [1, 3], "two": 2.0, "eps": 0.5},
            "LayerNorm",
        ),
    ],
)
def test_operators_of_newer_opsets(
    opset: int, nodes: str, constants: dict[str, Any], made: str, tmp_path: Path
) -> None:
    """Until opset 20, gamma and beta are of each group; from 18 on, axes are an input."""
    path = written(tmp_path / "m.onnx", f"{nodes}  y = Flatten(a)", constants, opset=opset)
    model = xpcnn.import_onnx(path)
    assert made in kinds(model)
    x = samples(3, (2, 6, 6))
    assert_close(model.predict_scores(x), run(path, x))
