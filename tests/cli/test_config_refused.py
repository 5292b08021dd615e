"""What is wrong with --config, --set, variables and flags, and in which of them it is."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.requests import OWN, refused, settled
from xpcnn.models import Preset, preset


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch = 3", "unknown key 'epoch'\nTry: 'epochs', see `xpcnn train --help`"),
        (
            "name = 'own'\nlayers = []",
            "describes a network, not a run\nTry: --model run.toml; or the config.toml beside it",
        ),
        ("config = 'a.toml'", "unknown key 'config'\nTry: see `xpcnn train --help`"),
        ("epochs = 3\nlr = [0.1,\n", "not valid TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2", "not valid TOML: Cannot overwrite a value (at "),
        ("epochs = '3'", "epochs is '3', expected a whole number"),
        ("epochs = 1.5", "epochs is 1.5, expected a whole number"),
        ("lr = true", "lr is True, expected a number"),
        ("model = 3.5", "model is 3.5, expected a text"),
        ("image-size = [8, 8]", 'image-size is [8, 8], expected a text\nTry: image-size = "8,8"'),
        (
            "[optimizer]\nname = 'adam'",
            "optimizer is {'name': 'adam'}, expected a text\nTry: [training.optimizer] for such a ",
        ),
        (
            "[training]\nseed = 3",
            "training has no option 'seed'; seed is a key outside of all tables\n"
            "Try: seed = ... above the first line with [...]",
        ),
        (
            "[loss]\nname = 'MSE'",
            "loss (SoftmaxCrossEntropy) has no option 'name'\nTry: type = \"MSE\"",
        ),
        ("quiet = 1", "quiet is 1, expected true or false"),
        ("[seed]\na = 1", "seed is {'a': 1}, expected a whole number"),
        (
            "lr = 0.1\n[training.optimizer]\nlr = 0.2",
            "lr is given twice, also as training.optimizer.lr\nTry: one of the two",
        ),
        ("epochs = 0", "epochs is 0, expected a whole number of at least 1\nTry: epochs=10"),
        (
            "lr = 1\n[training]\noptimizer = 'adam'",
            "training.optimizer is 'adam', which has no 'lr'\nTry: optimizer = { name = \"adam\" }",
        ),
        ("training = 3", "the model: training is 3, expected a table"),
        ("training = 3\nlr = 1", "training is 3, which has no 'optimizer'\nTry: training itself"),
        ("[training]\noptimizer = 'adam'", "training: optimizer is 'adam', expected a table"),
        (
            "[training.optimizer]\nname = 'adam'\nbeta3 = 0.1",
            "training.optimizer (adam) has no option 'beta3'\nTry: 'beta2' (valid: amsgrad, beta1, "
            "beta2, decay_all, decoupled, eps, lr, weight_decay)",
        ),
        ("layers = [{ type = 'Flaten' }]", "layers.0: unknown layer type 'Flaten'\nTry: 'Flatten'"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_wrong_with_a_file(own: Preset, text: str, said: str) -> None:
    assert refused(own, text).startswith(f"run.toml: {said}")


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("epochs", "there is no value\nTry: KEY=VALUE, such as training.optimizer.lr=0.1"),
        ("epochs=many", "epochs is 'many', expected a whole number"),
        (
            "training.layer_lr.layers.0.*=0.1",
            "training.layer_lr.layers.0.* is not a key\n"
            """Try: quotes around what is not a word: 'training.layer_lr."layers.0.*"=0.1'""",
        ),
        ("=1", " is not a key\nTry: quotes"),
        ('training.layer_lr."layers.1.*"=-1', "layer_lr: 'layers.1.*' must be a finite number"),
        ("epochs.a=1", "epochs has no keys in it\nTry: epochs itself"),
        ("optimizer.lr=1", "optimizer has no keys in it\nTry: training.optimizer.lr=1"),
        ("trainin.epochs=1", "unknown key 'trainin'\nTry: 'training', see `xpcnn train"),
        ("set=1", "unknown key 'set'\nTry: "),
        (
            "training.lr=1",
            "training has no option 'lr'; lr is a key outside of all tables\nTry: --lr ...",
        ),
        ("training.epoch=1", "training has no option 'epoch'\nTry: 'epochs' (valid: accumulate, "),
        ("training.optimzer.lr=1", "training has no option 'optimzer'\nTry: 'optimizer' (valid: "),
        (
            "training.optimizer.moment=1",
            "training.optimizer (sgd) has no option 'moment'\nTry: 'momentum' (valid: dampening, ",
        ),
        ("training.augment.2.pad=1", "training.augment has no item '2'\nTry: one of 0, 1"),
        ("training.augment.1.pda=1", "training.augment.1 (crop) has no option 'pda'\nTry: 'pad'"),
        ("training.epochs.a=1", "training.epochs is 3, which has no 'a'\nTry: training.epochs it"),
        ("layers.1.unit=1", "layers.1 (Dense) has no option 'unit'\nTry: 'units' (valid: "),
        ("layers.1.units=3", "the layers make 3 outputs for 2 classes\nTry: units = "),
    ],
)
def test_what_is_wrong_with_an_assignment(own: Preset, assignment: str, said: str) -> None:
    flags = ("--set", "epochs=3", "--set", assignment)
    assert refused(own, "lr = 0.1", *flags).startswith(f"--set {assignment}: {said}")


NORM, VALUE = "training.clip_norm=1", "training.clip_value=1"


BOTH = "clip_norm and clip_value are both given\nTry: one of the two"


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        ("", ("--set", NORM, "--set", VALUE), f"--set {VALUE}: {BOTH}"),
        ("", ("--set", VALUE, "--clip-norm", "2"), f"--set {VALUE}: {BOTH}"),
        ("", ("--clip-norm", "2", "--set", "training={clip_value=1}"), BOTH),
        ("", ("--set", "clip-norm=2", "--set", VALUE), f"--set {VALUE}: {BOTH}"),
        ("clip-norm = 2\ntraining.clip_value = 1", (), f"run.toml: {BOTH}"),
        ("[training]\nclip_norm = 2\nclip_value = 1", (), f"run.toml: {BOTH}"),
    ],
)
def test_two_ways_to_clip(own: Preset, text: str, flags: tuple[str, ...], said: str) -> None:
    assert refused(own, text, *flags).endswith(said)


def test_whose_the_error_is(own: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_MOMENTUM", "0.9")
    said = "training.optimizer (adam) has no option 'momentum'\nTry: "
    assert refused(own, "optimizer = 'adam'").startswith(f"XPCNN_MOMENTUM: {said}")
    # as long as adam is asked for, momentum is wrong; but now it is not what is wrong
    flags = ("--optimizer", "sgd", "--lr", "-1")
    assert refused(own, "optimizer = 'adam'", *flags).startswith("SGD: lr must be a finite number")
    assert refused(preset_of_seven(), "lr = 0.1").startswith("bad: the layers make 7 outputs for 2")


def preset_of_seven() -> Preset:
    """Return a preset that does not fit two classes."""
    Path("bad.toml").write_text(OWN.replace('"classes"', "7").replace("= 10", "= 7"))
    return preset("bad.toml")


def test_files_that_cannot_be_read(cli: Cli) -> None:
    ran = cli("train", "--config", "none.toml")
    message = "error: none.toml cannot be read: No such file or directory\nTry: check the path\n"
    assert ran == (1, "", message)


def test_a_later_source_has_another_way_to_clip(
    own: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clipping(text: str, *flags: str) -> tuple[float | None, float | None]:
        training = settled(own, text, *flags).training
        return training.clip_norm, training.clip_value

    by_value = "training.clip_value = 1"
    assert clipping(by_value, "--clip-norm", "2") == (2.0, None)
    assert clipping("clip-norm = 2", "--set", VALUE) == (None, 1.0)
    assert clipping("", "--clip-norm", "2", "--set", "training.clip_value=none") == (2.0, None)
    monkeypatch.setenv("XPCNN_CLIP_NORM", "3")
    assert clipping(by_value) == (3.0, None)
    assert clipping(by_value, "--set", VALUE) == (None, 1.0)
