"""--config, --set, variables, flags: which goes before which; a run repeated from its file."""

import shutil
from io import BytesIO, TextIOWrapper
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Cli
from tests.cli.requests import OWN, TRAINING, given, refused, settled
from xpcnn.cli.command_group import COMMANDS, OTHER_VARIABLES, Commands
from xpcnn.cli.request import Request
from xpcnn.config import toml
from xpcnn.config.overlay import Change
from xpcnn.data.augment import Crop, Flip
from xpcnn.errors import ConfigError
from xpcnn.layers import Conv2D, Dense, Flatten, Sequential
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.model_loading import load_model
from xpcnn.models import Preset, preset
from xpcnn.optimizers import SGD, Adam
from xpcnn.schedules import Constant, Cosine
from xpcnn.types import flatten


def test_a_file_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def piped(content: bytes) -> Request:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(content)))
        return given("--config", "-", "--seed", "3")

    request = piped(b"epochs = 2\nmodel = 'own.toml'\n")
    assert (request.name, request.flags.seed, request.flags.model) == ("own", 3, "own.toml")
    assert request.changes == [Change("standard input", ("training",), {"epochs": 2})]
    for content, message in (
        (b"epoch = 2", "standard input: unknown key 'epoch'"),
        (b"epochs =", "standard input: not valid TOML: "),
        (b"\xff", "standard input: not a text in UTF-8"),
    ):
        with pytest.raises(ConfigError, match=message):
            piped(content)


def test_keys_are_the_long_flags() -> None:
    Path("run.toml").write_text(
        "dataset = 'mnist'\nlimit-per-class = 5\nvalidation = 0\nquiet = true\nlr = 1\n"
        "device = 0\naugment = 'flip,crop'\noptimizer = 'adam'\n"
    )
    request = given("--config", "run.toml")
    flags = {
        name: getattr(request.flags, name) for name in ("dataset", "limit_per_class", "validation")
    }
    assert flags == {"dataset": "mnist", "limit_per_class": 5, "validation": 0.0}
    assert (request.flags.quiet, request.flags.device) == (True, "0")
    assert (request.flags.backend, request.flags.seed) == ("numpy", 0)
    training = {
        "optimizer": {"lr": 1.0, "name": "adam"},
        "augment": [{"name": "flip"}, {"name": "crop"}],
    }
    assert request.changes == [Change("run.toml", ("training",), training)]


def test_flag_over_variable_over_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("run.toml").write_text("limit = 1\nseed = 1\ndtype = 'float64'\n")
    monkeypatch.setenv("XPCNN_CONFIG", "run.toml")
    monkeypatch.setenv("XPCNN_LIMIT", "2")
    monkeypatch.setenv("XPCNN_SEED", "2")
    flags = given("--limit", "3").flags
    assert (flags.limit, flags.seed, flags.dtype) == (3, 2, "float64")
    assert given("--limit", "3", "--set", "limit=4").flags.limit == 4


def test_what_a_file_says_lies_over_the_preset(own: Preset) -> None:
    text = "epochs = 5\n[training]\nclip_value = 'none'\noptimizer = { momentum = 0.7 }\n"
    training = settled(own, text, "--lr", "0.1").training
    assert (training.epochs, training.batch_size, training.clip_value) == (5, 32, None)
    assert training.optimizer == SGD(lr=0.1, momentum=0.7, nesterov=True)
    text = "optimizer = 'adam'\n[training]\nclip_norm = 2\naugment = [{ name = 'crop', pad = 3 }]\n"
    text += "optimizer.beta2 = 0.9\nschedule.name = 'constant'\n"
    training = settled(own, text).training
    assert (training.clip_norm, training.clip_value) == (2.0, None)
    assert (training.optimizer, training.schedule) == (Adam(beta2=0.9), Constant())
    assert training.augment == (Crop(3),)


def test_another_optimizer_leaves_the_options_of_the_one_before(own: Preset) -> None:
    settings = settled(own, "momentum = 0.7", "--optimizer", "adam", "--lr", "0.2")
    assert settings.training.optimizer == Adam(lr=0.2)


def test_a_file_may_hold_the_network() -> None:
    layers = "layers = [{ type = 'Flatten' }, { type = 'Dense', units = 'classes' }]\n"
    found = settled(None, layers + "loss = { type = 'SoftmaxCrossEntropy', label_smoothing = 0.1 }")
    assert found.preset.name == "run"
    assert found.preset.layers == Sequential([Flatten(), Dense(2)])
    assert found.preset.loss == SoftmaxCrossEntropy(label_smoothing=0.1)
    assert found.preset.table["layers"] == toml.parse(layers)["layers"]
    Path("copy.toml").write_text(found.preset.source)
    assert preset("copy.toml").layers == found.preset.layers


def test_values_at_paths(own: Preset) -> None:
    found = settled(
        own,
        "",
        *("--set", "training.optimizer.momentum=0.5", "--set", "training.augment.1.pad = 2"),
        *("--set", "epochs=7", "--set", "training.schedule={name='cosine'}"),
        *("--set", "layers.1.weight_init={type='HeUniform'}", "--set", "training.clip_value=none"),
        *("--set", "loss.label_smoothing=0.1", "--epochs", "6"),
    )
    training = found.training
    assert (training.epochs, training.clip_value) == (7, None)
    assert training.optimizer == SGD(lr=0.3, momentum=0.5, nesterov=True)
    assert training.augment == (Flip(vertical=0.5), Crop(2))
    assert found.preset.loss == SoftmaxCrossEntropy(label_smoothing=0.1)
    table = found.preset.table
    assert table["layers"][1]["weight_init"] == {"type": "HeUniform"}
    assert (table["name"], "training" in table) == ("own", False)


def test_keys_in_quotes_stay_whole(own: Preset) -> None:
    flags = ("--set", 'training.layer_lr."layers.1.*"=0.1', "--set", "training . 'epochs' = 4")
    training = settled(own, "", *flags).training
    assert (training.layer_lr, training.epochs) == ({"layers.1.*": 0.1}, 4)


def test_a_word_is_a_text(own: Preset) -> None:
    flags = given("--set", "classes=0,1", "--set", "dataset=a.npz", "--set", "device=0").flags
    assert (flags.classes, flags.dataset, flags.device) == ("0,1", "a.npz", "0")
    assert settled(None, "", "--set", "layers.0.filters=3").preset.name == "digits"


def test_the_model_is_found_beside_the_file(own: Preset) -> None:
    Path("folder").mkdir()
    Path("folder/run.toml").write_text("model = 'own.toml'")
    assert given("--config", "folder/run.toml").flags.model == str(Path("folder/own.toml"))
    absolute = str(Path("own.toml").resolve())
    Path("folder/run.toml").write_text(f"model = '{absolute}'")
    assert given("--config", "folder/run.toml").flags.model == absolute
    Path("folder/run.toml").write_text("model = 'small'")
    assert given("--config", "folder/run.toml").flags.model == "small"


def test_a_network_that_is_not_changed_keeps_its_text(own: Preset) -> None:
    source = settled(own, "lr = 0.1").preset.source
    assert source == 'name = "own"\n\n' + OWN + TRAINING
    Path("copy.toml").write_text(source)
    assert settled(preset("copy.toml"), "").preset.source == source


def test_none_turns_off_the_schedule_of_the_preset(own: Preset) -> None:
    given = "training.schedule.name = 'cosine'"
    assert isinstance(settled(own, given).training.schedule, Cosine)
    for flags in (("--schedule", "none"), ("--set", "schedule=none")):
        assert isinstance(settled(own, given, *flags).training.schedule, Constant)


OR_NONE = ("clip-norm", "ema", "swa", "validate-every", "patience", "max-steps", "max-seconds")


@pytest.mark.parametrize("flag", OR_NONE)
def test_none_turns_off_what_the_preset_sets(own: Preset, flag: str) -> None:
    option = flag.replace("-", "_")
    given = f"training.{option} = {0.5 if option == 'ema' else 2}"
    assert getattr(settled(own, given).training, option) is not None
    for flags in ((f"--{flag}", "none"), ("--set", f"{flag}=none")):
        assert getattr(settled(own, given, *flags).training, option) is None
    assert getattr(settled(own, f"{flag} = 'none'").training, option) is None
    assert refused(own, f"{flag} = 'nil'").startswith(f"run.toml: {flag} is 'nil', expected a ")


def test_a_run_folder_repeats_its_run(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [
        *("{ type = 'Conv2D', filters = 4, size = 3 }", "{ type = 'BatchNorm' }"),
        *("{ type = 'Flatten' }", "{ type = 'Dropout' }", "{ type = 'Dense', units = 'classes' }"),
    ]
    text = f"input_shape = [1, 8, 8]\nclasses = 10\nlayers = [{', '.join(layers)}]\n{TRAINING}"
    Path("own.toml").write_text(text)
    Path("run.toml").write_text(
        "model = 'own.toml'\nlimit = 200\nclasses = '0,3,8'\nbatch-size = 16\n"
        "[training]\nclip_value = 'none'\nschedule.gamma = 0.3\n"
    )
    monkeypatch.setenv("XPCNN_OPTIMIZER", "adam")
    monkeypatch.setenv("XPCNN_SEED", "5")
    flags = ["--set", "training.augment.1.pad=2", "--set", "layers.0.filters=6", "--lr", "0.01"]
    flags += ["--set", "training.optimizer.beta2=0.99", "--set", "seed=6"]
    ran = cli("train", "--config", "run.toml", *flags, "--quiet", "--out", "one")
    assert ran == (0, "", "")

    monkeypatch.delenv("XPCNN_OPTIMIZER")
    monkeypatch.delenv("XPCNN_SEED")
    Path("own.toml").write_text("broken since then")
    shutil.move("one", "elsewhere/moved")
    ran = cli("train", "--config", "elsewhere/moved/config.toml", "--out", "two")
    assert (ran.code, ran.err.startswith("own (")) == (0, True)
    for name in ("config.toml", "model.toml", "model.safetensors"):
        one, two = Path("elsewhere/moved", name).read_bytes(), Path("two", name).read_bytes()
        assert one == two, name

    model = load_model("two/model.safetensors")
    assert isinstance(model.layers, Sequential)
    assert model.layers.layers[0] == Conv2D(6, 3)
    training = model.provenance["config"]["training"]
    assert training["optimizer"] == {"name": "adam", **vars(Adam(lr=0.01, beta2=0.99))}
    assert training["augment"][1] == {"name": "crop", "pad": 2}
    assert (training["clip_value"], training["schedule"]["gamma"]) == ("none", 0.3)
    assert model.provenance["config"]["seed"] == 6

    again = ("--config", "two/config.toml", "--quiet", "--out")
    assert cli("train", *again, "three", "--set", "training.augment.1.pad=1").code == 0
    other = flatten(load_model("three/model.safetensors").params)
    assert any((other[path] != p).any() for path, p in flatten(model.params).items())
    for command in (("evaluate", "two"), ("predict", "two", "--rows", "0:2")):
        assert cli(*command).code == 0


def test_no_variable_is_both_that_of_a_flag_and_another() -> None:
    """What says how long a process waits for another must not say when training stops."""
    every = Commands("xpcnn")
    commands = [every.get_command(click.Context(every), name) for name in COMMANDS]
    flags = {param.envvar for command in commands if command for param in command.params}
    assert "XPCNN_PATIENCE" in flags
    assert flags.isdisjoint(OTHER_VARIABLES)
