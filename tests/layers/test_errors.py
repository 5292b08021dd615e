"""Every refusal of a layer, when it is made and when it is placed in a network, and its text."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from xpcnn.errors import ConfigError, ShapeError, XpcnnError
from xpcnn.initializers import Draw
from xpcnn.layers import (
    GELU,
    AdaptiveAvgPool2D,
    AdaptiveMaxPool2D,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GroupNorm,
    HardTanh,
    Layer,
    LayerNorm,
    MaxPool2D,
    MinPool2D,
    Reshape,
    Upsample,
)

IMAGES_FIRST = "\nTry: a Reshape((c, h, w)) layer before it, or image layers before Flatten"

WHEN_MADE: list[tuple[Callable[[], Layer], str]] = [
    (
        lambda: Conv2D(4, 3, groups=3),
        "Conv2D: 4 filters cannot be split into 3 groups\n"
        "Try: a number of groups that divides the number of filters",
    ),
    (
        lambda: Conv2D(4, 0),
        "Conv2D: size is 0, expected a whole number of at least 1, or a pair\n"
        "Try: size=2, or size=(2, 1) for rows and columns",
    ),
    (
        lambda: Dense(10.5),  # type: ignore[arg-type]  # on purpose
        "Dense: units is 10.5, expected a whole number of at least 1\nTry: units=1, or more",
    ),
    (
        lambda: DepthwiseConv2D(3, multiplier=0),
        "DepthwiseConv2D: multiplier is 0, expected a whole number of at least 1\n"
        "Try: multiplier=1, or more",
    ),
    (
        lambda: ConvTranspose2D(3, 2, groups=2),
        "ConvTranspose2D: 3 filters cannot be split into 2 groups\n"
        "Try: a number of groups that divides the number of filters",
    ),
    (
        lambda: ConvTranspose2D(3, 2, stride=2, padding="same", output_padding=1),
        "ConvTranspose2D: output_padding is 1, expected a whole number, 0 with padding 'same'\n"
        "Try: output_padding=0, or 1 with stride=2",
    ),
    (
        lambda: Upsample((2, 0)),
        "Upsample: factor is (2, 0), expected a whole number of at least 1, or a pair\n"
        "Try: factor=2, or factor=(2, 1) for rows and columns",
    ),
    (
        lambda: LayerNorm((2, 1)),
        "LayerNorm: axes is (2, 1), expected axes from 1 on in rising order\n"
        "Try: axes=(1, 2, 3), all of images",
    ),
    (
        lambda: Conv2D("16", 3),  # type: ignore[arg-type]  # on purpose
        "Conv2D: filters is '16', expected a whole number of at least 1\nTry: filters=1, or more",
    ),
    (
        lambda: MaxPool2D((2, 0)),
        "MaxPool2D: size is (2, 0), expected a whole number of at least 1, or a pair\n"
        "Try: size=2, or size=(2, 1) for rows and columns",
    ),
    (
        lambda: MinPool2D(2, stride=0),
        "MinPool2D: stride is 0, expected a whole number of at least 1, or a pair\n"
        "Try: stride=2, or stride=(2, 1) for rows and columns",
    ),
    (
        lambda: AvgPool2D(2, padding="full"),  # type: ignore[arg-type]  # on purpose
        "AvgPool2D: padding 'full' is unknown\nTry: a number, a pair, 'same' or 'valid'",
    ),
    (
        lambda: AdaptiveMaxPool2D(0),
        "AdaptiveMaxPool2D: size is 0, expected a whole number of at least 1, or a pair\n"
        "Try: size=2, or size=(2, 1) for rows and columns",
    ),
    (
        lambda: GELU("exact"),
        "gelu: approximate is 'exact', expected 'none' or 'tanh'\nTry: 'none', which is exact",
    ),
    (
        lambda: HardTanh(1.0, 0.0),
        "HardTanh: low is 1 and high 0, expected low <= high\nTry: low=-1.0, high=1.0",
    ),
]

WHEN_PLACED: list[tuple[Layer, tuple[int, ...], str]] = [
    (
        Conv2D(4, 3),
        (8,),
        "Conv2D: samples have shape (8,), expected images (channels, height, width)" + IMAGES_FIRST,
    ),
    (
        Conv2D(4, 3, groups=2),
        (3, 8, 8),
        "Conv2D: 3 channels cannot be split into 2 groups\n"
        "Try: groups=1, or groups=3 for a depthwise convolution",
    ),
    (
        Conv2D(4, 9),
        (3, 8, 8),
        "Conv2D: a window of 9 x 9 does not fit into an image of 8 x 8 (h x w, padding included)\n"
        "Try: a smaller size or dilation, more padding, or fewer layers that shrink the image",
    ),
    (
        Dense(4),
        (3, 8, 8),
        "Dense: samples have shape (3, 8, 8), expected (features,)\n"
        "Try: a Flatten() layer before the Dense layer",
    ),
    (
        MaxPool2D(2),
        (8,),
        "MaxPool2D: samples have shape (8,), expected images (channels, height, width)"
        + IMAGES_FIRST,
    ),
    (
        MinPool2D(9),
        (1, 8, 8),
        "MinPool2D: a window of 9 x 9 does not fit into an image of 8 x 8 (h x w, padding "
        "included)\n"
        "Try: a smaller size or dilation, more padding, or fewer layers that shrink the image",
    ),
    (
        AvgPool2D(2, padding=2),
        (1, 8, 8),
        "AvgPool2D: with padding 2, a window of size 2 lies in the padding alone\n"
        "Try: less padding",
    ),
    (
        AdaptiveAvgPool2D(2),
        (8,),
        "AdaptiveAvgPool2D: samples have shape (8,), expected images (channels, height, width)"
        + IMAGES_FIRST,
    ),
    (
        DepthwiseConv2D(9),
        (3, 8, 8),
        "DepthwiseConv2D: a window of 9 x 9 does not fit into an image of 8 x 8 (h x w, padding "
        "included)\n"
        "Try: a smaller size or dilation, more padding, or fewer layers that shrink the image",
    ),
    (
        ConvTranspose2D(2, 3, padding=9),
        (3, 8, 8),
        "ConvTranspose2D: padding 9 cuts off the whole output, which would be -8 x -8\n"
        "Try: less padding",
    ),
    (
        GlobalAvgPool2D(),
        (8,),
        "GlobalAvgPool2D: samples have shape (8,), expected images (channels, height, width)"
        + IMAGES_FIRST,
    ),
    (
        GlobalMaxPool2D(),
        (8, 8),
        "GlobalMaxPool2D: samples have shape (8, 8), expected images (channels, height, width)"
        + IMAGES_FIRST,
    ),
    (
        Reshape((4, 5)),
        (3, 8, 8),
        "Reshape: a sample of shape (3, 8, 8) (192 elements) does not fit (4, 5)\n"
        "Try: a shape of 192 elements, or -1 for one length that follows from the others",
    ),
    (
        LayerNorm(3),
        (3, 8),
        "LayerNorm: a batch of 3 axes has no axis 3\nTry: axes from 1 to 2",
    ),
    (
        GroupNorm(4),
        (6, 8, 8),
        "GroupNorm: 6 channels cannot be split into 4 groups\n"
        "Try: a number of groups that divides the number of channels",
    ),
    (
        BatchNorm(),
        (3, 8),
        "BatchNorm: samples have shape (3, 8), expected (c, h, w) or (c,)\n"
        "Try: a Flatten() or Reshape((c, h, w)) layer before it",
    ),
]


def text_of(refused: Callable[[], Any], error: type[XpcnnError]) -> str:
    with pytest.raises(error) as caught:
        refused()
    return str(caught.value)


@pytest.mark.parametrize(("make", "text"), WHEN_MADE, ids=[text[:40] for _, text in WHEN_MADE])
def test_hyperparameters_are_checked_when_a_layer_is_made(make: Any, text: str) -> None:
    assert text_of(make, ConfigError) == text


@pytest.mark.parametrize(
    ("layer", "shape", "text"), WHEN_PLACED, ids=[text[:40] for *_, text in WHEN_PLACED]
)
def test_shapes_are_checked_when_it_is_placed(layer: Layer, shape: Any, text: str) -> None:
    error = ConfigError if re.search("padding alone|no axis|split into 4", text) else ShapeError
    assert text_of(lambda: layer.init(shape, Draw(0)), error) == text
