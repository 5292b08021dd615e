"""Preset files that people write: what is wrong is said with the file and the place in it."""

from pathlib import Path

import pytest

from xpcnn import models
from xpcnn.data.augment import Crop, Flip
from xpcnn.errors import ConfigError, ShapeError
from xpcnn.layers import Conv2D, Dense, GlobalAvgPool2D, Sequential
from xpcnn.losses import BCEWithLogits
from xpcnn.optimizers import Adam
from xpcnn.schedules import MultiStep
from xpcnn.training import TrainingOptions

HEAD = "input_shape = [1, 8, 8]\nclasses = 3\n"
DENSE = 'layers = [{ type = "Flatten" }, { type = "Dense", units = "classes" }]\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own.toml"


def refused(path: Path, text: str, kind: type[Exception] = ConfigError) -> str:
    """Return what is said of a file with this text, without the file's name in front."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(kind) as caught:
        models.preset(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_a_file_of_ones_own(path: Path) -> None:
    path.write_text(
        HEAD + "loss = { type = 'BCEWithLogits' }\n"
        "[[layers]]\ntype = 'Conv2D'\nfilters = 'classes'\nsize = [3, 1]\n"
        "[[layers]]\ntype = 'GlobalAvgPool2D'\n"
        "[training]\nepochs = 3\nbatch_size = 8\nclip_norm = 1\n"
        "optimizer = { name = 'adam', lr = 0.01 }\n"
        "augment = [{ name = 'flip' }, { name = 'crop', pad = 2 }]\n"
        "schedule = { name = 'multi-step', at = [10, 0.5], gamma = 0.5 }\n",
        encoding="utf-8",
    )
    preset = models.preset(path)
    assert preset.name == "own"
    assert preset.layers == Sequential([Conv2D(3, (3, 1)), GlobalAvgPool2D()])
    assert preset.loss == BCEWithLogits()
    assert preset.training == TrainingOptions(
        epochs=3,
        batch_size=8,
        clip_norm=1.0,
        optimizer=Adam(lr=0.01),
        schedule=MultiStep(at=(10, 0.5), gamma=0.5),
        augment=(Flip(), Crop(2)),
    )


def test_training_and_loss_have_defaults(path: Path) -> None:
    path.write_text(HEAD + DENSE, encoding="utf-8")
    preset = models.preset(path)
    assert preset.training == TrainingOptions()
    assert isinstance(preset.layers, Sequential)
    assert preset.layers.layers[-1] == Dense(3)


def test_two_classes_may_share_one_output(path: Path) -> None:
    text = "input_shape = [4]\nclasses = 2\nlayers = [{ type = 'Dense', units = 1 }]\n"
    path.write_text(text + "loss = { type = 'BCEWithLogits' }\n", encoding="utf-8")
    assert models.preset(path).for_data((5,), 2).input_shape == (5,)
    assert refused(path, text).startswith("the layers make 1 output for 2 classes")


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        models.preset("smal")
    assert str(caught.value) == (
        f"unknown model 'smal'\nTry: 'small' (valid: {', '.join(models.names())}), "
        "or the path of a .toml file"
    )
    with pytest.raises(ConfigError, match=r"^unknown model '\.\./models/small'\nTry: "):
        models.preset("../models/small")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(ConfigError) as caught:
        models.preset(path)
    assert str(caught.value).startswith(
        f"{path} cannot be read: No such file or directory\nTry: check the path, or one of digits, "
    )
    path.mkdir()
    with pytest.raises(ConfigError, match="is a folder, expected a TOML file"):
        models.preset(path)
    marked = tmp_path / "marked.toml"
    marked.write_text("other = 1", encoding="utf-8-sig")
    with pytest.raises(ConfigError, match="the model has no option 'other'"):  # its text is read
        models.preset(marked)
    latin = tmp_path / "latin.toml"
    latin.write_bytes("# Größe".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.toml: not a text in UTF-8: "):
        models.preset(latin)


def test_broken_toml_is_said_with_its_line(path: Path) -> None:
    assert refused(path, "classes = 3\ninput_shape = [1, 8\nlayers = 1\n") == (
        "not valid TOML: Unclosed array (at line 3, column 1)\nTry: correct that line"
    )
    assert refused(path, "classes = 3\nclasses = 4\n") == (
        "not valid TOML: Cannot overwrite a value (at line 2, column 12)\n"
        "Try: one of the two places that set it"
    )
    assert refused(path, "layers = " + "[" * 5000) == (
        "its tables are nested too deep\nTry: fewer brackets in brackets"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the model: input_shape and classes and layers are missing\nTry: add input_shape = "),
        (
            'dataset = "digits"\nepochs = 3',
            "describes a run, not a network\nTry: --config ",
        ),
        (HEAD, "the model: layers is missing\nTry: add layers = ..."),
        (HEAD + "layers = []", "Sequential: no layers"),
        (HEAD + "layers = 3", "the model: layers is 3, expected a list of tables"),
        (
            HEAD + DENSE + "los = 1",
            "the model has no option 'los'\n"
            "Try: 'loss' (valid: classes, input_shape, layers, loss, name, task, training)",
        ),
        ("classes = 1\ninput_shape = [4]\n" + DENSE, "classes is 1, expected at least 2"),
        ("classes = 'a'\ninput_shape = [4]\n" + DENSE, "the model: classes is 'a', expected a wh"),
        (
            "classes = 2\ninput_shape = [0]\n" + DENSE,
            "input_shape is (0,), expected sizes of at least 1",
        ),
        (
            HEAD + "layers = [{ type = 'Flatten' }, { type = 'Dense', units = 4 }]",
            "the layers make 4 outputs for 3 classes\n"
            'Try: units = "classes" in the last Dense layer',
        ),
        (
            HEAD + "layers = [{ type = 'Flatten' }, { type = 'Dense', units = 'klasses' }]",
            "layers.1 (Dense): units is 'klasses', expected a whole number",
        ),
        (
            HEAD + "layers = [{ type = 'Flaten' }]",
            "layers.0: unknown layer type 'Flaten'\nTry: 'Flatten' (valid: AdaptiveAvgPool2D, ",
        ),
        (
            HEAD + "layers = [{ type = 'Residual', body = { type = 'Dense' } }]",
            "layers.0.body (Dense): units is missing\nTry: add units = ...",
        ),
        (HEAD + DENSE + "loss = 'MSE'", "the model: loss is 'MSE', expected a table"),
        (HEAD + DENSE + "loss = { type = 'MES' }", "loss: unknown loss type 'MES'\nTry: 'MSE' ("),
        (
            HEAD + DENSE + "loss = { type = 'MSE', smooth = 1 }",
            "loss (MSE) has no option 'smooth'\nTry: one of class_weights",
        ),
        (HEAD + DENSE + "training = 3", "the model: training is 3, expected a table"),
        (
            HEAD + DENSE + "[training]\nepoch = 3",
            "training has no option 'epoch'\nTry: 'epochs' (valid: accumulate, augment, ",
        ),
        (HEAD + DENSE + "[training]\nepochs = 0", "epochs is 0, expected a whole number of at"),
        (HEAD + DENSE + "[training]\nepochs = 1.5", "training: epochs is 1.5, expected a whole nu"),
        (
            HEAD + DENSE + "[training]\noptimizer = 'sgd'",
            "training: optimizer is 'sgd', expected a table",
        ),
        (
            HEAD + DENSE + "[training]\noptimizer = { lr = 1 }",
            'training.optimizer: name is missing\nTry: name = "...", one of adagrad, adam, ',
        ),
        (
            HEAD + DENSE + "[training.optimizer]\nname = 'sdg'",
            "training.optimizer: unknown optimizer 'sdg'\nTry: 'sgd' (valid: adagrad, adam, ",
        ),
        (
            HEAD + DENSE + "[training.optimizer]\nname = 'adam'\nmomentum = 0.9",
            "training.optimizer (adam) has no option 'momentum'\nTry: one of amsgrad, beta1, ",
        ),
        (
            HEAD + DENSE + "[training.optimizer]\nname = 'adam'\nlr = '0.1'",
            "training.optimizer (adam): lr is '0.1', expected a finite number",
        ),
        (
            HEAD + DENSE + "[training.optimizer]\nname = 'momentum'\nlr = -1",
            "SGD: lr must be a finite number >= 0, got -1\nat training.optimizer (momentum)\n"
            "Try: SGD(lr=0.001)",
        ),
        (
            HEAD + DENSE + "[training.schedule]\nname = 'cosin'",
            "training.schedule: unknown schedule 'cosin'\nTry: 'cosine' (valid: constant, ",
        ),
        (
            HEAD + DENSE + "[training.schedule]\nname = 'multi-step'\nat = 5",
            "training.schedule (multi-step): at is 5, expected a list of whole numbers or finite ",
        ),
        (
            HEAD + DENSE + "[training]\naugment = { name = 'flip' }",
            "training: augment is a table, expected a list of tables",
        ),
        (
            HEAD + DENSE + "[training]\naugment = [{ name = 'flip' }, { name = 'corp' }]",
            "training.augment.1: unknown augmentation 'corp'\nTry: 'crop' (valid: affine, ",
        ),
        (
            HEAD + DENSE + "[[training.augment]]\nname = 'crop'\npad = 0",
            "Crop: pad is 0, expected a whole number of at least 1\nat training.augment.0 (crop)\n"
            "Try: pad=4, or more",
        ),
    ],
    ids=lambda value: value[-40:],
)
def test_what_is_wrong_is_said_with_its_place(path: Path, text: str, said: str) -> None:
    assert refused(path, text).startswith(said)


def test_layers_that_do_not_fit_show_the_shapes(path: Path) -> None:
    layers = "layers = [{ type = 'ReLU' }, { type = 'Dense', units = 3 }]"
    assert refused(path, HEAD + layers, ShapeError) == (
        "Dense: samples have shape (1, 8, 8), expected (features,)\n"
        "at layers.1 (Dense): (1, 8, 8) -> ReLU (1, 8, 8)\n"
        "Try: a Flatten() layer before the Dense layer"
    )
    assert refused(path, HEAD + "layers = [{ type = 'ReLU' }]", ShapeError) == (
        "the layers make (1, 8, 8) of a sample of (1, 8, 8), expected a row\n"
        'Try: a Flatten and a Dense layer with units = "classes" last'
    )
