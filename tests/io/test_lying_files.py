"""Model files that are whole but not what they say: each is refused in words that name it."""

from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save

from tests.io.forged_files import forge
from xpcnn import Model
from xpcnn.errors import CheckpointError
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, PReLU, ReLU, Residual, Sequential
from xpcnn.model_loading import load_model


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A file of a model with parameters and buffers, nested."""
    block = Sequential([Conv2D(3, 3, padding="same", bias=False), BatchNorm()])
    layers = Sequential([Conv2D(3, 3), PReLU(), Residual(block), Flatten(), Dense(3)])
    model = Model(layers, input_shape=(1, 6, 6), classes=("one", "two", "three"))
    model.mean, model.std = (100.0,), (50.0,)
    path = tmp_path / "m.safetensors"
    model.save(path)
    return path


def change(path: Path, **changes: Any) -> None:
    """Forge a file with other metadata; ... takes a key away."""

    def apply(metadata: dict[str, Any]) -> None:
        metadata |= changes
        for key in [key for key, value in metadata.items() if value is ...]:
            del metadata[key]

    forge(path, apply)


def dense(units: int, **options: Any) -> dict[str, Any]:
    return {"type": "Sequential", "layers": [{"type": "Dense", "units": units, **options}]}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"colour": 1}, "model has no option 'colour'\nTry: one of classes, dtype, "),
        ({"seed": ...}, "model: seed is missing\nTry: add seed = ..."),
        ({"seed": 1.5}, "model: seed is 1.5, expected a whole number"),
        (
            {"dtype": "float8"},
            "model: dtype is 'float8', expected 'float32' or 'float64' or 'float16'",
        ),
        ({"input_shape": []}, "input_shape is (), expected sizes of at least 1"),
        ({"input_shape": [1, 0, 6]}, "input_shape is (1, 0, 6), expected sizes of at least 1"),
        ({"input_shape": "1x6"}, "model: input_shape is '1x6', expected a list of whole numbers"),
        ({"classes": [1, 2, 3]}, "model: classes is [1, 2, 3], expected a list of texts"),
        ({"mean": None}, "mean and std must be given together"),
        ({"mean": [0.0, 0.0]}, "mean has 2 numbers, the images 1 channel"),
        ({"std": [0.0]}, "std has a number that is not above 0"),
        ({"std": [float("nan")]}, "the metadata is not JSON: NaN is not a finite number\nTry: "),
        ({"image_rule": None, "reading": ...}, "model: image_rule is None, expected a table"),
        ({"reading": []}, "model: reading is [], expected a table"),
        ({"reading": {"from": "files"}}, "reading: from is 'files'\nTry: one of arrays, drawn"),
        (
            {"reading": {"from": "pictures", "mode": "L", "size": [7, 7]}},
            "reading is for (1, 7, 7), input_shape is (1, 6, 6)",
        ),
        ({"provenance": []}, "model: provenance is [], expected a table"),
        ({"loss": None}, "model: loss is None, expected a table"),
        ({"loss": {"type": "MES"}}, "loss: unknown loss type 'MES'\nTry: 'MSE' (valid: BCE"),
        (
            {"loss": {"type": "SoftmaxCrossEntropy", "class_weights": [1.0, 2.0]}},
            "SoftmaxCrossEntropy: 2 class_weights for ",
        ),
        (
            {"layers": {"type": "eval"}},
            "layer: unknown layer type 'eval'\nTry: one of AdaptiveAvgPool2D",
        ),
        (
            {"layers": dense(0)},
            "Dense: units is 0, expected a whole number of at least 1\nat layers.0 (Dense)",
        ),
        ({"layers": dense(3)}, "Dense: samples have shape (1, 6, 6), expected (features,)\nat lay"),
        (
            {"layers": dense(3), "input_shape": [4], "mean": None, "std": None},
            "the tensors do not fit the model: "
            "layers.0.weight is (3, 1, 3, 3) float32, expected (4, 3) float32; "
            "buffers.layers.2.body.layers.1.mean (3,) float32 is unknown; ",
        ),
        (
            {"layers": dense(10**9), "input_shape": [10**9], "mean": None, "std": None},
            "the tensors do not fit the model: "
            "layers.0.weight is (3, 1, 3, 3) float32, expected (1000000000, 1000000000) float32; ",
        ),
        (
            {"layers": dense(10**30), "input_shape": [10**30], "mean": None, "std": None},
            "layers.0.weight of shape (1000000000000000000000000000000, ",
        ),
        (
            {"layers": {"type": "Sequential", "layers": [{"type": "ReLU"}]}},
            "its layers make (1, 6, 6) of a sample, expected one row",
        ),
        (
            {"dtype": "float64"},
            "the tensors do not fit the model: layers.0.weight is (3, 1, 3, 3) ",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_file_that_lies_is_refused(saved: Path, changes: dict[str, Any], text: str) -> None:
    change(saved, **changes)
    with pytest.raises(CheckpointError) as caught:
        load_model(saved)
    prefix = f"{saved}: "
    assert str(caught.value).startswith(prefix)
    assert str(caught.value).removeprefix(prefix).startswith(text)


def test_layers_nested_too_deep_are_refused(saved: Path) -> None:
    layer: dict[str, Any] = {"type": "ReLU"}
    for _ in range(400):
        layer = {"type": "Sequential", "layers": [layer]}
    change(saved, layers=layer)
    with pytest.raises(
        CheckpointError, match=r": its layers are nested too deep\nTry: one Sequential"
    ):
        load_model(saved)


def test_missing_and_unknown_tensors_are_all_named(saved: Path) -> None:
    tensors = load_file(saved)
    with safe_open(saved, framework="numpy") as file:
        metadata = file.metadata()
    del tensors["layers.0.bias"]
    tensors["layers.4.weight"] = tensors["layers.4.weight"].T.copy()
    tensors["extra"] = numpy.zeros(3, numpy.float32)
    saved.write_bytes(save(tensors, metadata))
    with pytest.raises(CheckpointError) as caught:
        load_model(saved)
    assert str(caught.value) == (
        f"{saved}: the tensors do not fit the model: "
        "layers.0.bias (3,) float32 is missing; "
        "layers.4.weight is (3, 48) float32, expected (48, 3) float32; "
        "extra (3,) float32 is unknown\n"
        "Try: the file of the model that these tensors belong to"
    )


def test_no_damage_of_one_bit_gets_past_the_checks(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    Model([Dense(2), ReLU()], input_shape=(1,), classes=("a", "b")).save(path)
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        with pytest.raises(CheckpointError) as caught:
            load_model(path)
        assert str(caught.value).startswith(str(path))
