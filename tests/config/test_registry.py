"""Layers, initializers and losses as tables: there and back, and what is refused in which words."""

import dataclasses
import json
from typing import Any

import numpy
import pytest

from tests.config.reading import from_config
from tests.layers.test_every_layer import EVERY
from xpcnn import layers as public
from xpcnn.config.registry import LAYERS, LOSSES, objects
from xpcnn.config.tables import to_config
from xpcnn.initializers import INITIALIZERS, Constant, Dirac, Normal, Uniform
from xpcnn.layers import (
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    MinPool2D,
    Multiply,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Softplus,
    SpatialDropout,
    StochasticDepth,
    Tanh,
)
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy

EXAMPLES: list[Any] = [
    # layers with fields that no row of EVERY sets, and containers
    Conv2D(
        6,
        (3, 5),
        stride=(2, 1),
        padding=((1, 0), (2, 2)),
        dilation=2,
        groups=3,
        bias=False,
        weight_init=Normal(0.1, mean=0.5),
        bias_init=Constant(0.25),
    ),
    DepthwiseConv2D(
        (3, 5),
        multiplier=2,
        stride=(2, 1),
        padding="same",
        dilation=2,
        bias=False,
        weight_init=Normal(0.1),
        bias_init=Constant(0.25),
    ),
    ConvTranspose2D(
        6,
        (3, 5),
        stride=(2, 1),
        padding=((1, 0), (2, 2)),
        output_padding=(1, 0),
        dilation=2,
        groups=3,
        bias=False,
        weight_init=Normal(0.1),
        bias_init=Constant(0.25),
    ),
    Dense(4, bias=False, weight_init=Uniform(-1.0, 1.0), bias_init=Constant(2.0)),
    MinPool2D((2, 3), stride=(1, 2), padding=(0, 1), ceil_mode=True),
    AvgPool2D(2, stride=1, padding=1, ceil_mode=True, count_include_pad=False),
    BatchNorm(momentum=0.2, eps=1e-3),
    Dropout(0.25),
    SpatialDropout(0.25),
    StochasticDepth(0.25),
    PReLU(Constant(0.1)),
    Softplus(2.0, 10.0),
    Softmax(1),
    Sequential([ReLU(), Dense(2)], fuse=False),
    Residual(Sequential([Dense(3)]), shortcut=Dense(3, bias=False)),
    Multiply(Sequential([Dense(3)]), shortcut=Dense(3, bias=False)),
    Concat([ReLU(), Sequential([Tanh()])]),
    *(row[0] for row in EVERY if not isinstance(row[0], public.Activation)),
]


@pytest.mark.parametrize("layer", EXAMPLES, ids=lambda layer: type(layer).__name__)
def test_a_layer_survives_json_and_back(layer: Any) -> None:
    again = from_config(json.loads(json.dumps(to_config(layer))))
    assert type(again) is type(layer)
    assert again == layer


def test_every_public_layer_and_field_is_tried() -> None:
    assert {type(layer) for layer in EXAMPLES} == set(LAYERS.values())
    others = {"Activation", "Context", "Layer", "LayerPullback"}
    assert set(LAYERS) == set(public.__all__) - others
    written: dict[type, set[str]] = {kind: set() for kind in LAYERS.values()}
    for layer in EXAMPLES:
        written[type(layer)] |= set(to_config(layer))
    for kind, keys in written.items():
        fields = {field.name for field in dataclasses.fields(kind)}
        assert keys == fields | {"type"}, "a field has its default in all rows"


@pytest.mark.parametrize("kind", INITIALIZERS.values(), ids=lambda kind: kind.__name__)
def test_an_initializer_survives(kind: Any) -> None:
    other: Any = Normal(0.2) if kind is Dirac else 0.04
    values = [other] * min(len(dataclasses.fields(kind)), 1)
    layer = Dense(3, weight_init=kind(*values))
    assert from_config(json.loads(json.dumps(to_config(layer)))) == layer


@pytest.mark.parametrize(
    "loss",
    [
        SoftmaxCrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.5), ignore_index=-1),
        BCEWithLogits(positive_weights=(1.0, 4.0)),
        MSE(),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_a_loss_survives(loss: Any) -> None:
    config = json.loads(json.dumps(to_config(loss)))
    assert objects()[Loss](config, "loss") == loss
    given = {f.name for f in dataclasses.fields(loss) if getattr(loss, f.name) is not None}
    assert set(config) == given | {"type"}


def test_all_losses_are_known() -> None:
    names = {"SoftmaxCrossEntropy", "BCEWithLogits", "Focal", "MSE", "Huber", "L1"}
    assert set(LOSSES) == names


def test_defaults_are_left_out() -> None:
    layer = Sequential([Conv2D(16, 3, bias=False), ReLU()])
    assert to_config(layer) == {
        "type": "Sequential",
        "layers": [
            {"type": "Conv2D", "filters": 16, "size": 3, "bias": False},
            {"type": "ReLU"},
        ],
    }


def test_numbers_of_numpy_become_plain() -> None:
    config = to_config(Dense(int(numpy.int64(3)), weight_init=Normal(numpy.float64(0.5))))
    assert json.dumps(config["weight_init"]) == '{"type": "Normal", "std": 0.5}'
    assert type(to_config(Conv2D(numpy.int64(3), 1))["filters"]) is int  # type: ignore[arg-type]
