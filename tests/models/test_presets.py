"""The presets that come with the package: what they are, in numbers worked out by hand."""

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.config.reading import from_config
from tests.presets import OF_EVERY_KIND, SMALL, narrow
from xpcnn import Model, data, models
from xpcnn.config.tables import to_config
from xpcnn.errors import ConfigError, ShapeError
from xpcnn.layers import Conv2D, Dense, Sequential
from xpcnn.losses import BCEWithLogits, SoftmaxCrossEntropy
from xpcnn.optimizers import SGD
from xpcnn.sizes import sizes_of
from xpcnn.summary import summarize

CONVOLUTIONS_32_64 = 32 * 3 * 9 + 32 * 32 * 9 + 64 * 32 * 9 + 64 * 64 * 9  # their weights

# The first three of these networks were published without biases in their convolutions, with
# 101,806, 161,458 and 533,090 parameters. Ours have one bias for every filter.
COUNTS = {
    "tiny": 101_806 + 4,
    "small": 161_458 + (16 + 16),
    "medium": 533_090 + (8 + 16 + 32),
    "large": CONVOLUTIONS_32_64 + (32 + 32 + 64 + 64) + 4097 * 256 + 257 * 10,
    # gamma and beta in place of every bias but the last
    "large-bn": CONVOLUTIONS_32_64 + 2 * (32 + 32 + 64 + 64) + 4096 * 256 + 2 * 256 + 257 * 10,
    "mnist-best": (16 + 32 * 16 + 32 * 32 + 64 * 32) * 9
    + 2 * (16 + 32 + 32 + 64)
    + (64 * 49 + 1) * 10,
    "digits": 16 * 9 + 32 * 16 * 9 + 2 * (16 + 32) + (32 * 16 + 1) * 10,
    "photo": (3 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256) * 9
    + 2 * (32 + 2 * 64 + 2 * 128 + 256)
    + 257 * 10,
    "two-conv": 5 * (9 + 1) + 10 * (5 * 9 + 1) + 5761 * 10,
    "sigmoid-binary": 5 * (9 + 1) + 3381 * 100 + 101 * 2,
    "kaggle": 10_166,
    "lenet5": 6 * 26 + 16 * (6 * 25 + 1) + 401 * 120 + 121 * 84 + 85 * 10,
    "xor": 3 * 8 + 9 * 2,
    "resnet20": (
        3 * 16 * 9
        + 6 * 16 * 16 * 9
        + (16 * 32 + 5 * 32 * 32) * 9
        + (32 * 64 + 5 * 64 * 64) * 9
        + (16 * 32 + 32 * 64)  # 1 x 1 shortcuts
        + 2 * (7 * 16 + 7 * 32 + 7 * 64)  # batch norms: 19 after 3 x 3, 2 after 1 x 1
        + 65 * 10
    ),
    # as torchvision and timm have them
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "vgg11": 132_863_336,
    "vgg11-bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13-bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16-bn": 138_365_992,
    "mobilenet-v2": 3_504_872,
    "efficientnet-lite0": 4_652_008,
    "resnet18-cifar": 11_173_962,
}

MULTIPLY_ADDS = {  # in millions: of the papers, and of resnet50 with the stride in the 3 x 3
    "resnet18": 1_814,
    "resnet34": 3_663,
    "resnet50": 4_089,
    "vgg11": 7_609,
    "vgg13": 11_308,
    "vgg16": 15_470,
    "mobilenet-v2": 300,
    "efficientnet-lite0": 385,
    "resnet18-cifar": 555,
}


def test_these_are_the_presets() -> None:
    assert models.names() == tuple(sorted(COUNTS))


def test_networks_without_biases_have_the_published_counts() -> None:
    for name, published in (("tiny", 101_806), ("small", 161_458), ("medium", 533_090)):
        preset = models.preset(name)
        table = to_config(preset.layers)
        for layer in table["layers"]:
            if layer["type"] == "Conv2D":
                layer["bias"] = False
        assert parameters(from_config(table), preset.input_shape) == published


def parameters(layers: Any, input_shape: tuple[int, ...]) -> int:
    return sum(map(math.prod, sizes_of(layers, input_shape).params.values()))


@pytest.mark.parametrize("name", MULTIPLY_ADDS)
def test_multiply_adds(name: str) -> None:
    preset = models.preset(name)
    found = summarize(preset.layers, preset.input_shape).multiply_adds
    assert found // 1_000_000 == MULTIPLY_ADDS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_a_preset_is_what_it_says(name: str) -> None:
    preset = models.preset(name)
    assert parameters(preset.layers, preset.input_shape) == COUNTS[name]
    assert preset.name == name
    assert preset.layers == from_config(to_config(preset.layers))


@pytest.mark.parametrize("name", OF_EVERY_KIND)
def test_a_preset_predicts(name: str) -> None:
    preset = models.preset(name) if name in SMALL else narrow(name)
    model = Model(preset.layers, input_shape=preset.input_shape, loss=preset.loss)
    p = model.predict_proba(numpy.zeros((2, *preset.input_shape), numpy.uint8))
    assert p.shape == (2, preset.classes)
    assert numpy.isfinite(p).all()


@pytest.mark.parametrize("name", COUNTS)
def test_files_and_the_registry_have_one_form(name: str) -> None:
    preset = models.preset(name)
    layers = json.dumps(preset.table["layers"]).replace('"classes"', str(preset.classes))
    assert from_config({"type": "Sequential", "layers": json.loads(layers)}) == preset.layers


@pytest.mark.parametrize("name", COUNTS)
def test_a_copy_of_a_file_is_the_same_preset(name: str, tmp_path: Path) -> None:
    preset = models.preset(name)
    path = tmp_path / f"{name}.toml"
    path.write_text(preset.source, encoding="utf-8")
    assert models.preset(path) == preset
    assert models.preset(str(path)) == preset
    assert preset.table == tomllib.loads(preset.source)


def test_training_options_are_those_of_fit() -> None:
    preset = models.preset("tiny")
    assert preset.training.optimizer == SGD(
        lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4, decay_all=False
    )
    assert preset.loss == SoftmaxCrossEntropy()
    model = Model(preset.layers, input_shape=preset.input_shape, loss=preset.loss)
    images = numpy.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), dtype=numpy.uint8)
    history = model.fit((images, numpy.arange(20) % 10), preset.training)
    assert len(history) == preset.training.epochs == 5


def test_names_are_found_whatever_their_case() -> None:
    assert models.preset("Large_BN") == models.preset("large-bn")
    assert models.preset("LeNet5").name == "lenet5"


def test_a_preset_follows_the_data() -> None:
    preset = models.preset("small").for_data((3, 32, 32), 7)
    assert (preset.name, preset.input_shape, preset.classes) == ("small", (3, 32, 32), 7)
    assert isinstance(preset.layers, Sequential)
    assert preset.layers.layers[0] == Conv2D(16, 3, padding="same")
    assert preset.layers.layers[-1] == Dense(7)
    expected = 16 * 28 + 16 * (16 * 9 + 1) + (16 * 8 * 8 + 1) * 200 + 201 * 7
    assert parameters(preset.layers, preset.input_shape) == expected
    assert preset.for_data((1, 28, 28), 10) == models.preset("small")
    assert models.preset("sigmoid-binary").loss == BCEWithLogits()


def test_data_that_a_preset_cannot_take_are_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        models.preset("lenet5").for_data((1, 8, 8), 10)
    assert str(caught.value) == (
        "lenet5: Conv2D: a window of 5 x 5 does not fit into an image of 4 x 4 (h x w, padding "
        "included)\n"
        "at layers.3 (Conv2D): (1, 8, 8) -> Conv2D (6, 8, 8) -> Tanh (6, 8, 8) -> "
        "AvgPool2D (6, 4, 4)\n"
        "Try: a smaller size or dilation, more padding, or fewer layers that shrink the image"
    )
    with pytest.raises(ConfigError, match=r"^tiny: classes is 1, expected at least 2\nTry: "):
        models.preset("tiny").for_data((1, 28, 28), 1)


def test_a_preset_on_its_own_data_hears_nothing() -> None:
    """Neither of a network that trains badly nor of overfitting; the larger ones take minutes."""
    train, _ = data.load("digits")
    preset = models.preset("digits")
    model = Model(preset.layers, input_shape=train.shape)
    history = model.fit(train, preset.training, validation=0.1, health=True)
    assert history.notes == []
