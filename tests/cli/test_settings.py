"""Flag over variable over preset over default."""

import tomllib
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cli.conftest import Cli
from tests.cli.requests import OWN, TRAINING, given, images
from xpcnn.cli.default_model import BY_SHAPE
from xpcnn.cli.settings import resolve
from xpcnn.data import Dataset
from xpcnn.data.augment import Augmentation, Brightness, Contrast, Crop, Cutout, Flip
from xpcnn.data.reading import Pictures
from xpcnn.errors import ConfigError
from xpcnn.models import Preset, preset
from xpcnn.optimizers import SGD, Adam
from xpcnn.schedules import Constant, OneCycle


@pytest.mark.parametrize(("shape", "name"), BY_SHAPE.items())
def test_the_shape_of_the_data_chooses_the_model(shape: tuple[int, ...], name: str) -> None:
    settings = resolve(given(), None, images(*shape))
    assert settings.preset.name == name
    assert (settings.preset.input_shape, settings.preset.classes) == (shape, 2)

    assert settings.notes == ()


def changes(pad: int) -> tuple[Augmentation, ...]:
    return Flip(), Crop(pad), Brightness(), Contrast()


def photos(h: int, w: int, name: str = "mine") -> Dataset:
    x = numpy.zeros((2, 3, h, w), numpy.uint8)
    return Dataset.from_arrays(x, [0, 1], name=name, reading=Pictures("RGB", (h, w)))


def drawings() -> Dataset:
    x = numpy.zeros((2, 1, 16, 20), numpy.uint8)
    x[:, :, 5:9, 5:9] = 9
    return Dataset.from_arrays(x, [0, 1])


@pytest.mark.parametrize(
    ("data", "changed", "augment"),
    [
        (images(1, 1, 3), "mirrored, shifted", changes(1)),
        (images(2, 50, 7), "mirrored, shifted", changes(1)),
        (photos(32, 32), "mirrored, shifted", changes(4)),
        (photos(60, 40), "mirrored, shifted", changes(5)),
        (drawings(), "shifted", changes(2)[1:]),  # a mirrored digit is no digit
    ],
)
def test_a_preset_for_every_other_shape_and_for_photographs(
    data: Dataset, changed: str, augment: tuple[Augmentation, ...]
) -> None:
    settings = resolve(given(), None, data)
    assert (settings.preset.name, settings.preset.input_shape) == ("photo", data.shape)
    assert settings.training.augment == augment
    assert settings.notes == (
        "the model is photo, for images of any size; --model NAME chooses another",
        f"training images are {changed} and relit at random; --augment none leaves them alone",
        "100 epochs, as the training part has 2 images; --epochs N chooses another number",
    )
    settings = resolve(given("--augment", "none"), None, data)
    assert (settings.training.augment, len(settings.notes)) == ((), 2)
    assert resolve(given("--model", "photo"), preset("photo"), data).notes == ()
    assert resolve(given(), None, photos(32, 32, "cifar10")).preset.name == "medium"


@pytest.mark.parametrize(("count", "epochs"), [(90, 100), (1000, 30), (4000, 15), (50_000, 10)])
def test_the_more_images_the_fewer_epochs(count: int, epochs: int) -> None:
    x = numpy.broadcast_to(numpy.uint8(0), (count, 1, 2, 3))
    data = Dataset.from_arrays(x, numpy.arange(count) % 2)
    settings = resolve(given(), None, data)
    assert settings.training.epochs == epochs
    assert settings.notes[-1].startswith(
        f"{epochs} epochs, as the training part has {count:,} images"
    )
    settings = resolve(given("--epochs", "7"), None, data)
    assert (settings.training.epochs, len(settings.notes)) == (7, 2)
    assert resolve(given("--model", "photo"), preset("photo"), data).training.epochs == 30


def test_a_preset_without_training_has_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "bare.toml"
    file.write_text(OWN)
    settings = resolve(given("--momentum", "0.5"), preset(file), images(1, 8, 8))
    training = settings.training
    assert (training.epochs, training.batch_size) == (10, 64)
    assert training.optimizer == SGD(lr=0.05, momentum=0.5)
    assert training.schedule == Constant()


def test_flags_change_the_preset_one_by_one(own: Preset) -> None:
    training = resolve(given("--lr", "0.1", "--epochs", "4"), own, images(1, 8, 8)).training
    assert (training.epochs, training.batch_size, training.clip_value) == (4, 32, 0.5)
    assert training.optimizer == SGD(lr=0.1, momentum=0.8, nesterov=True)
    assert training.schedule == own.training.schedule


def test_the_same_name_keeps_the_other_options_and_another_does_not(own: Preset) -> None:
    same = resolve(given("--optimizer", "sgd", "--schedule", "step"), own, images(1, 8, 8)).training
    assert (same.optimizer, same.schedule) == (own.training.optimizer, own.training.schedule)
    other = resolve(
        given("--optimizer", "adam", "--schedule", "one-cycle"), own, images(1, 8, 8)
    ).training
    assert (other.optimizer, other.schedule) == (Adam(), OneCycle())


def test_clipping_by_norm_replaces_the_presets_clipping(own: Preset) -> None:
    training = resolve(given("--clip-norm", "2.0"), own, images(1, 8, 8)).training
    assert (training.clip_norm, training.clip_value) == (2.0, None)


@pytest.mark.parametrize(
    ("flag", "changes"),
    [
        (None, (Flip(vertical=0.5), Crop(1))),
        ("flip,crop", (Flip(vertical=0.5), Crop(1))),
        ("cutout, crop", (Cutout(8), Crop(1))),
        ("flip,flip", (Flip(vertical=0.5), Flip(vertical=0.5))),
        ("none", ()),
    ],
)
def test_names_of_augmentations(
    own: Preset, flag: str | None, changes: tuple[Augmentation, ...]
) -> None:
    flags = () if flag is None else ("--augment", flag)
    settings = resolve(given(*flags), own, images(1, 8, 8))
    assert settings.training.augment == changes


def test_an_unknown_augmentation_is_refused(own: Preset) -> None:
    with pytest.raises(ConfigError, match="unknown augmentation 'corp'\nTry: 'crop' "):
        resolve(given("--augment", "flip,corp"), own, images(1, 8, 8))


def test_flag_over_variable_over_preset(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def configured(*flags: str) -> dict[str, Any]:
        folder = f"run{len(list(Path().iterdir()))}"
        ran = cli(
            "train", "--limit", "60", "--quiet", "--model", "own.toml", *flags, "--out", folder
        )
        assert ran.code == 0, ran.err
        return tomllib.loads((Path(folder) / "config.toml").read_text())

    Path("own.toml").write_text(OWN + TRAINING)
    assert configured()["training"]["epochs"] == 3
    monkeypatch.setenv("XPCNN_EPOCHS", "2")
    monkeypatch.setenv("XPCNN_BATCH_SIZE", "20")
    monkeypatch.setenv("XPCNN_LR", "")  # empty is not given
    training = configured()["training"]
    assert (training["epochs"], training["batch_size"], training["optimizer"]["lr"]) == (2, 20, 0.3)
    training = configured("--epochs", "1")["training"]
    assert (training["epochs"], training["batch_size"]) == (1, 20)


def test_every_flag_has_its_variable(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "DATASET": "digits",
        "CLASSES": "0,1",
        "LIMIT_PER_CLASS": "30",
        "MODEL": "two-conv",
        "EPOCHS": "1",
        "OPTIMIZER": "adam",
        "WEIGHT_DECAY": "0.01",
        "SEED": "3",
        "DTYPE": "float64",
        "VALIDATION": "0",
        "OUT": "here",
        "QUIET": "1",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"XPCNN_{name}", value)
    assert cli("train") == (0, "", "")
    config = tomllib.loads(Path("here/config.toml").read_text())
    training = config.pop("training")
    assert config == {
        "backend": "numpy",
        "classes": "0,1",
        "dataset": "digits",
        "dtype": "float64",
        "limit-per-class": 30,
        "model": "model.toml",
        "seed": 3,
        "validation": 0.0,
        "checkpoint-seconds": 60.0,
    }
    assert training["epochs"] == 1
    assert training["optimizer"]["name"] == "adam"
    assert training["optimizer"]["weight_decay"] == 0.01
    assert training["optimizer"]["lr"] == 0.001  # of adam, not of the preset's sgd
    assert tomllib.loads(Path("here/model.toml").read_text())["name"] == "two-conv"
