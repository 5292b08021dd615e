"""Tables that describe no layer: the texts, each with the path of the layer."""

from typing import Any

import pytest

from tests.config.reading import from_config
from xpcnn.config.registry import objects
from xpcnn.errors import ConfigError
from xpcnn.losses import Loss


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
    (
        {"type": "Dense", "units": "8"},
        f"{AT} (Dense): units is '8', expected a whole number\nTry: units = 2",
    ),
    (
        {"type": "Dense", "units": 8.0},
        f"{AT} (Dense): units is 8.0, expected a whole number\nTry: units = 2",
    ),
    (
        {"type": "Dense", "units": True},
        f"{AT} (Dense): units is True, expected a whole number\nTry: units = 2",
    ),
    (
        {"type": "Dense", "units": None},
        f"{AT} (Dense): units is None, expected a whole number\nTry: units = 2",
    ),
    (
        {"type": "Dense", "units": 2, "bias": 1},
        f"{AT} (Dense): bias is 1, expected true or false\nTry: bias = true",
    ),
    (
        {"type": "Dropout", "rate": "0.5"},
        f"{AT} (Dropout): rate is '0.5', expected a finite number\nTry: rate = 0.5",
    ),
    (
        {"type": "Dropout", "rate": True},
        f"{AT} (Dropout): rate is True, expected a finite number\nTry: rate = 0.5",
    ),
    (
        {"type": "Dropout", "rate": float("nan")},
        f"{AT} (Dropout): rate is nan, expected a finite number\nTry: rate = 0.5",
    ),
    (
        {"type": "GELU", "approximate": 1},
        f'{AT} (GELU): approximate is 1, expected a text\nTry: approximate = "..."',
    ),
    (
        {"type": "MaxPool2D", "size": [2]},
        f"{AT} (MaxPool2D): size is [2], expected {PAIR}\nTry: size = 2",
    ),
    (
        {"type": "MaxPool2D", "size": [2, True]},
        f"{AT} (MaxPool2D): size is [2, True], expected {PAIR}\nTry: size = 2",
    ),
    (
        {"type": "MaxPool2D", "size": 2, "padding": "smae"},
        f"{AT} (MaxPool2D): padding is 'smae', expected {PADDING}\nTry: padding = 2",
    ),
    (
        {"type": "MaxPool2D", "size": 2, "padding": [1, [1, 2]]},
        f"{AT} (MaxPool2D): padding is [1, [1, 2]], expected {PADDING}\nTry: padding = 2",
    ),
    (
        {"type": "Reshape", "shape": [2, "x"]},
        f"{AT} (Reshape): shape is [2, 'x'], expected a list of whole numbers\nTry: shape = [2]",
    ),
    (
        {"type": "Concat", "branches": [1]},
        f"{AT} (Concat): branches is [1], expected a list of tables\nTry: branches = [{{ ... }}]",
    ),
    (
        {"type": "Dense", "units": 2, "weight_init": "HeNormal"},
        f"{AT} (Dense): weight_init is 'HeNormal', expected a table\n"
        'Try: weight_init = { type = "HeNormal" }',
    ),
    (
        {"type": "Residual", "body": [{"type": "ReLU"}]},
        f"{AT} (Residual): body is [{{'type': 'ReLU'}}], expected a table\nTry: body = {{ ... }}",
    ),
    (
        {"type": "Dense", "units": 0},
        "Dense: units is 0, expected a whole number of at least 1\n"
        f"at {AT} (Dense)\nTry: units=1, or more",
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
        (
            {"type": "ConvD"},
            f"{AT}: unknown layer type 'ConvD'",
            "'Conv2D' (valid: AdaptiveAvgPool2D, ",
        ),
        (
            {"type": "relu"},
            f"{AT}: unknown layer type 'relu'",
            "'ReLU' (valid: AdaptiveAvgPool2D, ",
        ),
        ({"type": "Linear"}, f"{AT}: unknown layer type 'Linear'", "Dense"),
        (
            {"type": "Conv2D\n" * 99},
            f"{AT}: unknown layer type 'Conv2D\\n",
            "one of AdaptiveAvgPool2D",
        ),
        ({"type": "Activation"}, f"{AT}: unknown layer type 'Activation'", ""),
        (
            {"type": "os.system"},
            f"{AT}: unknown layer type 'os.system'",
            "one of AdaptiveAvgPool2D",
        ),
        ({"units": 3}, f"{AT}: type is missing", 'type = "...", one of AdaptiveAvgPool2D'),
        (
            {"type": 3},
            f"{AT}: type is 3, expected a text",
            'type = "...", one of AdaptiveAvgPool2D',
        ),
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
    with pytest.raises(
        ConfigError, match=r"; a class of your own: xpcnn\.load\(path, layers=\[ThatClass\]\)$"
    ):
        from_config({"type": "Shift"})


def test_a_loss_is_named_in_errors() -> None:
    with pytest.raises(ConfigError, match=r"^loss: unknown loss type 'Mse'\nTry: 'MSE'"):
        objects()[Loss]({"type": "Mse"}, "loss")
    expected = r"^loss \(SoftmaxCrossEntropy\): class_weights is 1, expected a list of finite num"
    with pytest.raises(ConfigError, match=expected):
        objects()[Loss]({"type": "SoftmaxCrossEntropy", "class_weights": 1}, "loss")
