"""Layers, initializers and losses as tables: there and back, and what is refused in which words."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy
import pytest

from xpcnn import layers as public
from xpcnn.errors import ConfigError
from xpcnn.initializers import INITIALIZERS, Constant, Draw, Normal, Uniform
from xpcnn.io.registry import LAYERS, LOSSES, from_config, loss_from_config, to_config
from xpcnn.layers import (
    ELU,
    GELU,
    SELU,
    Activation,
    AvgPool2D,
    BatchNorm,
    Concat,
    Context,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    MaxPool2D,
    MinPool2D,
    Mish,
    PReLU,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from xpcnn.losses import MSE, BCEWithLogits, SoftmaxCrossEntropy
from xpcnn.types import Array, Params, Shape

EXAMPLES: list[Any] = [
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
    Dense(4, bias=False, weight_init=Uniform(-1.0, 1.0), bias_init=Constant(2.0)),
    MaxPool2D(3, stride=2, padding=1, ceil_mode=True),
    MinPool2D((2, 3), stride=(1, 2), padding=(0, 1), ceil_mode=True),
    AvgPool2D(2, stride=1, padding=1, ceil_mode=True, count_include_pad=False),
    GlobalAvgPool2D(),
    GlobalMaxPool2D(),
    Flatten(),
    Reshape((4, -1)),
    BatchNorm(momentum=0.2, eps=1e-3),
    Dropout(0.25),
    ReLU(),
    LeakyReLU(0.2),
    ELU(0.5),
    SELU(),
    PReLU(Constant(0.1)),
    GELU("tanh"),
    SiLU(),
    Mish(),
    Softplus(2.0, 10.0),
    Softsign(),
    HardSigmoid(),
    HardSwish(),
    Sigmoid(),
    Tanh(),
    Softmax(1),
    LogSoftmax(1),
    Sequential([ReLU(), Dense(2)]),
    Residual(Sequential([Dense(3)]), shortcut=Dense(3, bias=False)),
    Concat([ReLU(), Sequential([Tanh()])]),
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
    for layer in EXAMPLES:
        fields = {field.name for field in dataclasses.fields(layer)}
        assert set(to_config(layer)) == fields | {"type"}, "a field has its default"


@pytest.mark.parametrize("kind", INITIALIZERS.values(), ids=lambda kind: kind.__name__)
def test_an_initializer_survives(kind: Any) -> None:
    values = [0.5] * min(len(dataclasses.fields(kind)), 1)
    layer = Dense(3, weight_init=kind(*values))
    assert from_config(json.loads(json.dumps(to_config(layer)))) == layer


@pytest.mark.parametrize(
    "loss",
    [
        SoftmaxCrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.5), ignore_index=-1),
        BCEWithLogits(),
        MSE(),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_a_loss_survives(loss: Any) -> None:
    config = json.loads(json.dumps(to_config(loss)))
    assert loss_from_config(config) == loss
    assert set(config) == {field.name for field in dataclasses.fields(loss)} | {"type"}


def test_all_losses_are_known() -> None:
    assert set(LOSSES) == {"SoftmaxCrossEntropy", "BCEWithLogits", "MSE"}


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


def in_network(table: dict[str, Any]) -> dict[str, Any]:
    """Return the table of a network that holds another as the layer layers.1.body.layers.0."""
    body = {"type": "Sequential", "layers": [table]}
    return {"type": "Sequential", "layers": [{"type": "ReLU"}, {"type": "Residual", "body": body}]}


AT = "layers.1.body.layers.0"
PAIR = "a whole number or a list of 2 whole numbers"
PADDING = f"{PAIR} or a list of 2 lists of 2 whole numbers or 'same' or 'valid'"

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"type": "Conv2D", "filtres": 8, "size": 3},
        f"{AT} (Conv2D) has no option 'filtres'\nTry: 'filters' (valid: bias, bias_init, dilation, "
        "filters, groups, padding, size, stride, weight_init)",
    ),
    (
        {"type": "ReLU", "slope": 0.1},
        f"{AT} (ReLU) has no option 'slope'\nTry: leave it out: it takes none",
    ),
    (
        {"type": "Conv2D"},
        f"{AT} (Conv2D): filters and size are missing\nTry: add filters = ..., size = ...",
    ),
    ({"type": "Dense"}, f"{AT} (Dense): units is missing\nTry: add units = ..."),
    ({"type": "Dense", "units": "8"}, f"{AT} (Dense): units is '8', expected a whole number"),
    ({"type": "Dense", "units": 8.0}, f"{AT} (Dense): units is 8.0, expected a whole number"),
    ({"type": "Dense", "units": True}, f"{AT} (Dense): units is True, expected a whole number"),
    ({"type": "Dense", "units": None}, f"{AT} (Dense): units is None, expected a whole number"),
    ({"type": "Dense", "units": 2, "bias": 1}, f"{AT} (Dense): bias is 1, expected true or false"),
    (
        {"type": "Dropout", "rate": "0.5"},
        f"{AT} (Dropout): rate is '0.5', expected a finite number",
    ),
    ({"type": "Dropout", "rate": True}, f"{AT} (Dropout): rate is True, expected a finite number"),
    (
        {"type": "Dropout", "rate": float("nan")},
        f"{AT} (Dropout): rate is nan, expected a finite number",
    ),
    ({"type": "GELU", "approximate": 1}, f"{AT} (GELU): approximate is 1, expected a text"),
    ({"type": "MaxPool2D", "size": [2]}, f"{AT} (MaxPool2D): size is [2], expected {PAIR}"),
    (
        {"type": "MaxPool2D", "size": [2, True]},
        f"{AT} (MaxPool2D): size is [2, True], expected {PAIR}",
    ),
    (
        {"type": "MaxPool2D", "size": 2, "padding": "smae"},
        f"{AT} (MaxPool2D): padding is 'smae', expected {PADDING}",
    ),
    (
        {"type": "MaxPool2D", "size": 2, "padding": [1, [1, 2]]},
        f"{AT} (MaxPool2D): padding is [1, [1, 2]], expected {PADDING}",
    ),
    (
        {"type": "Reshape", "shape": [2, "x"]},
        f"{AT} (Reshape): shape is [2, 'x'], expected a list of whole numbers",
    ),
    (
        {"type": "Concat", "branches": [1]},
        f"{AT} (Concat): branches is [1], expected a list of tables",
    ),
    (
        {"type": "Dense", "units": 2, "weight_init": "HeNormal"},
        f"{AT} (Dense): weight_init is 'HeNormal', expected a table",
    ),
    (
        {"type": "Residual", "body": [{"type": "ReLU"}]},
        f"{AT} (Residual): body is [{{'type': 'ReLU'}}], expected a table",
    ),
    (
        {"type": "Dense", "units": 0},
        f"Dense: units is 0, expected at least 1\nat {AT} (Dense)",
    ),
]


@pytest.mark.parametrize(("table", "text"), REFUSED, ids=lambda value: str(value)[:50])
def test_what_is_wrong_is_said_with_its_place(table: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_config(in_network(table))
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("table", "start", "advice"),
    [
        ({"type": "Conv"}, f"{AT}: unknown layer type 'Conv'", "'Conv2D' (valid: AvgPool2D, "),
        (
            {"type": "Conv2D\n" * 99},
            f"{AT}: unknown layer type 'Conv2D\\nConv2D",
            "one of AvgPool2D",
        ),
        ({"type": "Activation"}, f"{AT}: unknown layer type 'Activation'", ""),
        ({"type": "os.system"}, f"{AT}: unknown layer type 'os.system'", "one of AvgPool2D"),
        ({"units": 3}, f"{AT}: type is missing", 'type = "...", one of AvgPool2D'),
        ({"type": 3}, f"{AT}: type is 3, expected a text", 'type = "...", one of AvgPool2D'),
        (
            {"type": "Dense", "units": 1, "weight_init": {"type": "HeNormall"}},
            f"{AT}.weight_init: unknown initializer type 'HeNormall'",
            "'HeNormal' (valid: Constant, ",
        ),
    ],
)
def test_unknown_types_name_the_nearest(table: dict[str, Any], start: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_config(in_network(table))
    message, _, found = str(caught.value).partition("\nTry: ")
    assert message.startswith(start)
    assert len(message) < 100
    assert found.startswith(advice)


def test_unknown_layers_may_be_the_callers_own() -> None:
    with pytest.raises(ConfigError, match=r"; a class of your own is given as layers=\[...\]$"):
        from_config({"type": "Shift"})


def test_a_loss_is_named_in_errors() -> None:
    with pytest.raises(ConfigError, match=r"^loss: unknown loss type 'Mse'\nTry: one of BCEWith"):
        loss_from_config({"type": "Mse"})
    expected = r"^loss \(SoftmaxCrossEntropy\): class_weights is 1, expected a list of finite num"
    with pytest.raises(ConfigError, match=expected):
        loss_from_config({"type": "SoftmaxCrossEntropy", "class_weights": 1})


class Plain:
    """A layer of the user's own that is no dataclass."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(self, params: Params, buffers: Params, x: Array, ctx: Context) -> Any:
        return x, {}, lambda dy, want_dx=True: (dy, {})


@dataclass(frozen=True)
class Scale(Plain):
    """A layer of the user's own, with fields of many kinds."""

    factors: tuple[float, ...]
    inner: public.Layer = ReLU()
    mode: Literal["fast", 2] = "fast"
    lengths: list[int] | None = None
    anything: Any = None


def test_a_layer_of_ones_own_needs_its_class() -> None:
    layer = Sequential([Scale((1.0, 2.0), inner=Tanh(), mode=2, lengths=(3, 4), anything="x")])  # type: ignore[arg-type]
    config = json.loads(json.dumps(to_config(layer)))
    assert from_config(config, [Scale]) == layer
    with pytest.raises(ConfigError, match=r"^layers\.0: unknown layer type 'Scale'\nTry: "):
        from_config(config)


OWN = (
    "\nTry: a layer class of your own, a frozen dataclass of numbers, texts, tuples of them, layers "
    "and initializers; xpcnn.load(path, layers=[YourLayer]) reads it"
)


def with_type_field() -> Any:
    @dataclass(frozen=True)
    class Typed(Plain):
        type: str = "x"

    return Typed()


def with_a_taken_name() -> Any:
    @dataclass(frozen=True)
    class ReLU(Plain):
        pass

    return ReLU()


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            Activation(lambda x: x, lambda x: 1),
            "layers.1 (Activation): f is a function, which a file cannot hold" + OWN,
        ),
        (Plain(), "layers.1 (Plain): a file cannot describe a layer that is no dataclass" + OWN),
        (
            Scale((1.0,), anything=numpy.zeros(3)),
            "layers.1 (Scale): anything is a ndarray, which a file cannot hold" + OWN,
        ),
        (
            Scale((1.0, float("inf"))),
            "layers.1 (Scale): factors is inf, which a file cannot hold" + OWN,
        ),
        (
            Dense(2, weight_init=lambda shape, rng: numpy.ones(shape, numpy.float32)),
            "layers.1 (Dense): weight_init is a function, which a file cannot hold\nTry: one of "
            f"xpcnn.initializers: {', '.join(INITIALIZERS)}",
        ),
        (
            with_type_field(),
            "layers.1 (Typed): type cannot be kept: files use this name\nTry: another name",
        ),
        (
            with_a_taken_name(),
            "layers.1 (ReLU): a class of this name is part of xpcnn, and a file could not tell them "
            "apart\nTry: another name for the class",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_file_can_hold_is_said_before(layer: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        to_config(Sequential([ReLU(), layer]))
    assert str(caught.value) == text


def test_a_foreign_loss_is_refused() -> None:
    class Own:
        pass

    text = r"^Own: a file cannot describe what is no layer and not part of xpcnn\nTry: one of BCE"
    with pytest.raises(ConfigError, match=text):
        to_config(Own())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        (Plain, "layers: Plain is no class of dataclasses" + OWN),
        (Scale((1.0,)), f"layers: {Scale((1.0,))!r} is no class of dataclasses" + OWN),
        (
            type(with_a_taken_name()),
            "layers: ReLU is the name of a layer that is part of xpcnn\n"
            "Try: another name for the class",
        ),
    ],
    ids=["no dataclass", "an instance", "taken"],
)
def test_extra_layers_are_checked(extra: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_config({"type": "ReLU"}, [extra])
    assert str(caught.value) == text


def test_what_a_class_of_ones_own_raises_is_placed() -> None:
    @dataclass(frozen=True)
    class Even(Plain):
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("number must be even")

    with pytest.raises(ConfigError) as caught:
        from_config(in_network({"type": "Even", "number": 3}), [Even])
    assert str(caught.value) == f"{AT} (Even): number must be even"
