"""More epochs for a finished run, and new runs from the weights of another."""

import json
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.cli.requests import OWN, given
from xpcnn.cli.run_plan import prepare
from xpcnn.config.toml import parse
from xpcnn.errors import ConfigError, DataWarning
from xpcnn.model_loading import load_model

CONSTANT = ("train", "--limit", "300", "--quiet", "--schedule", "constant")


def test_a_longer_run_is_one_that_was_long_from_the_start(cli: Cli) -> None:
    assert cli(*CONSTANT, "--epochs", "3", "--out", "straight").code == 0
    assert cli(*CONSTANT, "--epochs", "1", "--out", "run").code == 0
    ran = cli("resume", "run", "--epochs", "3", "--json")
    assert ran.code == 0
    assert "note: epochs was 1 and is now 3\n" in ran.err
    assert [epoch["epoch"] for epoch in json.loads(ran.out)["epochs"]] == [1, 2, 3]
    for name in ("model.safetensors", "config.toml"):
        assert Path("run", name).read_bytes() == Path("straight", name).read_bytes()
    assert cli("resume", "run", "--epochs", "3").err.startswith("run is finished: ")
    assert cli("resume", "run", "--epochs", "2", "--quiet") == (
        1,
        "",
        "error: --epochs 2: epochs is 2, and the run has trained 3 already\n"
        "Try: --epochs 3 or more, or a new run\n",
    )


def test_more_epochs_in_an_edited_config_are_noticed(cli: Cli) -> None:
    assert cli(*CONSTANT, "--epochs", "1", "--out", "run").code == 0
    config = Path("run/config.toml")
    config.write_text(config.read_text().replace("epochs = 1", "epochs = 2"))
    ran = cli("resume", "run")
    assert ran.code == 0
    assert "note: epochs was 1 and is now 2\n" in ran.err
    assert len(Path("run/metrics.jsonl").read_text().splitlines()) == 2


def test_another_edit_of_a_finished_run_is_rejected(cli: Cli) -> None:
    assert cli(*CONSTANT, "--epochs", "1", "--lr", "0.125", "--out", "run").code == 0
    config = Path("run/config.toml")
    config.write_text(config.read_text().replace("lr = 0.125", "lr = 0.25"))
    assert cli("resume", "run") == (
        1,
        "",
        "error: run is finished, and its config.toml was changed: training.optimizer.lr was 0.125 "
        "and is now 0.25\nTry: a new run: xpcnn train --config run/config.toml\n",
    )


def test_a_schedule_over_all_epochs_offers_the_weights(cli: Cli) -> None:
    assert cli("train", "--limit", "300", "--quiet", "--epochs", "1", "--out", "run").code == 0
    before = Path("run/config.toml").read_text()
    ran = cli("resume", "run", "--epochs", "2")
    assert ran.code == 1
    assert "error: --epochs 2: epochs was 1 and is now 2: the schedule OneCycle depends" in ran.err
    assert "\nTry: a new run from these weights: xpcnn train --init RUN; " in ran.err
    assert Path("run/config.toml").read_text() == before
    assert cli("resume", "run").err.startswith("run is finished: ")


def test_a_run_out_of_patience_is_not_made_longer(cli: Cli) -> None:
    flags = ("--lr", "1e-9", "--patience", "1", "--epochs", "9", "--dtype", "float32")
    assert cli(*CONSTANT, *flags, "--out", "run").code == 0
    ran = cli("resume", "run", "--epochs", "12")
    assert ran.code == 1
    assert ran.err.startswith("error: run stopped after update ")
    assert ran.err.endswith(
        ": it would stop there with more epochs too\n"
        "Try: a new run from its weights: xpcnn train --init run\n"
    )


def test_a_run_out_of_time_is_made_longer_with_more_time_only(cli: Cli) -> None:
    assert cli(*CONSTANT, "--epochs", "1", "--max-seconds", "1e-9", "--out", "run").code == 0
    before = Path("run/config.toml").read_text()
    ran = cli("resume", "run", "--epochs", "2")
    assert ran.code == 1
    assert ran.err.endswith(
        " seconds are over: it would stop there with more epochs too\n"
        "Try: --max-seconds too, with more seconds than before; "
        "or a new run from its weights: xpcnn train --init run\n"
    )
    assert Path("run/config.toml").read_text() == before
    ran = cli("resume", "run", "--epochs", "2", "--max-seconds", "600", "--json")
    assert (ran.code, len(json.loads(ran.out)["epochs"])) == (0, 2)


def test_a_run_that_max_steps_has_ended_continues(cli: Cli) -> None:
    assert cli(*CONSTANT, "--epochs", "1", "--max-steps", "1", "--out", "run").code == 0
    ran = cli("resume", "run", "--max-steps", "2", "--json")
    assert (ran.code, json.loads(ran.out)["epochs"][-1]["epoch"]) == (0, 1)
    assert "note: max_steps was 1 and is now 2\n" in ran.err
    assert parse(Path("run/config.toml").read_text())["training"]["max_steps"] == 2


def test_no_epochs_are_rejected_for_a_finished_run_too(cli: Cli) -> None:
    assert cli(*CONSTANT, "--epochs", "1", "--out", "run").code == 0
    before = {path: path.read_bytes() for path in Path("run").glob("*.*")}
    for epochs in (0, -1):
        assert cli("resume", "run", "--epochs", str(epochs)) == (
            1,
            "",
            f"error: --epochs {epochs}: epochs is {epochs}, expected a whole number of at least 1\n"
            "Try: --epochs 10\n",
        )
    assert {path: path.read_bytes() for path in Path("run").glob("*.*")} == before


def test_a_run_from_the_weights_of_another(cli: Cli, trained: Path) -> None:
    flags = ("train", "--init", trained, "--limit", "300", "--epochs", "1", "--classes", "0,1,2")
    ran = cli(*flags, "--out", "run")
    assert ran.code == 0
    assert ran.err.splitlines()[1:4] == [
        f"weights of {trained}: 4 of 5 layers",
        "new weights: layers.9 (weight is (512, 3), in the file (512, 10))",
        "mean and standard deviation of the samples: those of the file",
    ]
    source, model = load_model(trained / "model.safetensors"), load_model("run/model.safetensors")
    assert (model.mean, model.classes) == (source.mean, ("0", "1", "2"))
    assert parse(Path("run/config.toml").read_text())["init"] == "init.safetensors"
    (trained / "model.safetensors").rename(trained / "away.safetensors")
    try:  # the folder has all that repeats the run
        again = cli("train", "--config", "run/config.toml", "--quiet", "--out", "again")
    finally:
        (trained / "away.safetensors").rename(trained / "model.safetensors")
    assert again.code == 0
    files = [Path(run, "model.safetensors").read_bytes() for run in ("run", "again")]
    assert files[0] == files[1]


def test_a_run_from_weights_has_the_options_of_the_run_and_not_its_limits(cli: Cli) -> None:
    flags = ("train", "--limit", "100", "--quiet")
    limits = ("--max-steps", "2", "--max-seconds", "1e9")
    own = ("--model", "digits", "--epochs", "2", "--lr", "0.125")
    assert cli(*flags, *own, *limits, "--out", "run").code == 0
    assert cli(*flags, "--init", "run", "--out", "again").code == 0
    training = parse(Path("again/config.toml").read_text())["training"]
    assert (training["epochs"], training["optimizer"]["lr"]) == (2, 0.125)
    assert (training["max_steps"], training["max_seconds"]) == ("none", "none")
    assert len(Path("again/metrics.jsonl").read_text().splitlines()) == 2


def test_class_weights_are_of_the_classes_they_were_made_for(cli: Cli) -> None:
    """With other classes they would weigh these wrongly, in silence where there are as many."""
    few = ("train", "--limit", "100", "--epochs", "1", "--model", "xor", "--quiet")
    assert cli(*few, "--classes", "0,1", "--class-weights", "1,9", "--out", "run").code == 0
    start = ("train", "--init", "run", "--limit", "100", "--epochs", "1")
    for classes, kept, note in (
        ("0,1", (1.0, 9.0), ""),
        ("2,3", None, "note: the class_weights of run are not used: they are of other classes\n"),
    ):
        ran = cli(*start, "--classes", classes, "--out", classes)
        assert ran.code == 0, ran.err
        loss = load_model(f"{classes}/model.safetensors").loss
        assert getattr(loss, "class_weights") == kept  # noqa: B009 - not of every loss
        assert ("not used" in ran.err) == bool(note)
        assert note in ran.err


def test_the_scale_of_samples_is_that_of_the_weights(cli: Cli, trained: Path) -> None:
    """Training images of a 255th of the model's scale beside validation images of just that."""
    digits, _ = xpcnn.data.load("digits")
    images, labels = digits.images[:90].astype("f4"), digits.labels[:90]
    held = {"val_images": images[60:], "val_labels": labels[60:]}
    small = images[:60] / 255
    numpy.savez("d.npz", images=small, labels=labels[:60], **held, classes=digits.classes)
    ran = cli("train", "--dataset", "d.npz", "--init", trained, "--epochs", "1")
    assert ran.code == 0
    assert "Try: multiply the training images by 255" in ran.err
    assert "Try: multiply the test images by 255" in ran.err  # a fifth of these
    assert "validation images spread" not in ran.err


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--init", "nowhere"), "nowhere: there is no such run folder or model file\nTry: "),
        (("--model", "two-conv"), "{trained}: no layer has the path and the shapes of one of "),
    ],
)
def test_weights_that_cannot_be_taken(
    cli: Cli, trained: Path, flags: tuple[str, ...], text: str
) -> None:
    ran = cli("train", "--init", trained, "--limit", "300", *flags)
    assert ran.code == 1
    assert ran.err.startswith(f"error: {text.format(trained=trained)}")
    assert not Path("runs").exists()


def test_fine_tuning_in_one_command(cli: Cli) -> None:
    assert cli(*CONSTANT, "--epochs", "1", "--out", "first").code == 0
    tuned = (*CONSTANT, "--init", "first", "--classes", "0,1", "--unfreeze-after", "1")
    assert cli(*tuned, "--epochs", "1", "--out", "head").code == 0
    assert cli(*tuned, "--epochs", "2", "--out", "all").code == 0
    training = parse(Path("all/config.toml").read_text())["training"]
    assert training["unfreeze_after"] == 1
    assert training["freeze"] == [f"layers.{i}.*" for i in (0, 1, 3, 4)]
    first, head, whole = (
        load_model(f"{name}/model.safetensors").get_weights() for name in ("first", "head", "all")
    )
    assert (head["layers.0.weight"] == first["layers.0.weight"]).all()
    assert (whole["layers.0.weight"] != first["layers.0.weight"]).any()
    assert cli("resume", "head", "--epochs", "2", "--quiet").code == 0
    assert Path("head/model.safetensors").read_bytes() == Path("all/model.safetensors").read_bytes()


def test_a_run_of_an_older_version_is_resumed_with_a_warning() -> None:
    """Whose network ends with the activation that its loss contains; a new one is rejected."""
    layers = OWN.replace('units = "classes" }', 'units = "classes" }, { type = "Softmax" }')
    Path("own.toml").write_text(layers)
    request = given("--model", "own.toml", "--limit", "50")
    message = "the network ends with Softmax, which the loss SoftmaxCrossEntropy contains"
    with pytest.raises(ConfigError, match=message):
        prepare(request)
    with pytest.warns(DataWarning, match=message):
        assert prepare(request, resumed=True).model.classes == tuple("0123456789")
