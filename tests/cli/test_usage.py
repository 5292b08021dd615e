"""Arguments that no command takes: exit code 2, and what is told."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "no such command 'trian'. Try: 'train' (valid: "),
        (["train", "--epochs", "many"], "'many' is not a valid integer"),
        (["train", "--epocs", "3"], "--epocs"),
        (["train", "--learning-rate", "0.1"], "--lr"),
        (["train", "--num-epochs=3"], "Try: --epochs\n"),
        (["train", "--Epochs", "3"], "Try: --epochs\n"),
        (["train", "--gpu"], "No such option '--gpu'. Try: --backend cupy\n"),
        (["train", "--resume", "run"], "Try: xpcnn resume RUN\n"),
        (["summary", "tiny", "--gpu"], "No such option '--gpu'.\n"),
        (
            ["show", "--dataset", "digits"],
            "No such option '--dataset'. Try: xpcnn show DATASET|FOLDER|FILE, without a flag\n",
        ),
        (
            ["evaluate", "--model", "runs/a"],
            "No such option '--model'. Try: xpcnn evaluate RUN|FILE, without a flag\n",
        ),
        (["train", "epochs=3", "x"], "extra arguments (epochs=3 x). Try: --epochs 3\n"),
        (["train", "\u2013\u2013epochs", "3"], "Try: --epochs, with two hyphens\n"),
        (["test", "run"], "no such command 'test'. Try: xpcnn evaluate\n"),
        (["help", "train"], "no such command 'help'. Try: xpcnn train --help\n"),
        (["train", "extra"], "unexpected extra argument (extra)\n"),
        (["train", "mnist"], "unexpected extra argument (mnist). Try: --dataset mnist\n"),
        (["train", "./b b", "c"], "arguments (./b b c). Try: --dataset './b b'\n"),
        (["train", "./a.toml"], "argument (./a.toml). Try: --config ./a.toml\n"),
        (["train", "--classes", "0"], "--classes needs two classes or more, such as 0,1; got '0'"),
        (["train", "--classes", "0,0"], "--classes needs two classes or more, such as 0,1"),
        (["train", "--augment", "none,flip"], "'none,flip': none cannot be combined"),
        (
            ["train", "--freeze", "none,*.bias"],
            "'none,*.bias': none cannot be combined with others",
        ),
        (["evaluate"], "Missing argument 'RUN|FILE'"),
        (
            ["evaluate", "run", "--part", "tset"],
            "'tset' is not one of 'test', 'validation', 'train'",
        ),
        (["predict", "run"], "Give either picture files or --rows, such as --rows 0:10."),
        (["predict", "run", "a.png", "--rows", "1"], "Give either picture files or --rows"),
        (["predict", "run", "a.png", "--invert", "maybe"], "'maybe' is not one of"),
        (
            ["predict", "run", "a.png", "--dataset", "b"],
            "--dataset needs --rows, such as",
        ),
        (["predict", "run", "a.png", "--skip-damaged"], "--skip-damaged needs --rows"),
        (["predict", "run", "--rows", "1", "--invert", "yes"], "--invert is for picture files."),
        (["predict", "run", "--rows", "1", "--crop", "no"], "--crop is for picture files."),
        (
            ["predict", "run", "--submission", "a", "--dataset", "b", "--label-column", "1"],
            "--label-column does nothing with --submission.",
        ),
        (["explain", "run", "a.png", "--part", "all"], "--part needs --row, such as --row 3."),
        (["explain", "run", "--row", "1", "--invert", "no"], "--invert is for a picture file."),
        (
            ["report", "run", "--figure-format", "png"],
            "--figure-format needs --figures",
        ),
        (["demo", "run", "--data-dir", "a"], "--data-dir is for the example model, without RUN or"),
        (["bench", "--layers", "--quick"], "--quick does nothing with --layers."),
        (
            ["bench", "--communication", "--model", "a"],
            "--model does nothing with",
        ),
        (["summary", "small", "--input-shape", "1;2"], "'1;2' is not a list of sizes"),
        (
            ["train", "--dataset", "a.csv", "--image-size", "16x16"],
            "--image-size 16x16: expected a height and a width such as 28,28",
        ),
        (["resume", "run", "--max-steps", "x"], "'x' is neither a whole number nor none"),
        (["train", "--image-size", "64"], "a height and a width such as 64,64"),
        (["train", "--loss", "ce"], "--loss ce is none of cross-entropy, bce, "),
        (["summary", "small", "--batch-size", "0"], "0 is not in the range x>=1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(cli: Cli, arguments: list[str], message: str) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.startswith("Usage: xpcnn ")
    assert "resume RUN train" not in ran.err  # the command that `resume` calls


def test_a_folder_with_a_space_in_its_name(cli: Cli) -> None:
    Path("Some photos").mkdir()
    ran = cli("train", "--dataset", "Some", "photos")
    assert ran.err.endswith("argument (photos). Try: --dataset 'Some photos'\n")
    assert cli("train", "--dataset", "some photos").err.endswith("; or the path 'Some photos'\n")


def test_a_variable_may_name_what_a_command_does_not_need(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XPCNN_INVERT", "yes")
    assert cli("predict", trained, "--rows", "1").code == 0


@pytest.mark.parametrize("given", [("--out=~/runs/a",), ("--out", "~/runs/a")])
def test_a_home_folder_that_no_shell_filled_in(
    cli: Cli, given: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shells leave the ~ of --out=~/runs, of quoted paths and of programs' arguments as it is."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    assert cli("train", "--max-steps", "1", *given).code == 0
    assert (tmp_path / "home/runs/a/model.safetensors").is_file()
    assert cli("summary", "~/runs/a").code == 0
    assert not Path("~").exists()


def test_a_variable_that_is_wrong_is_usage(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_EPOCHS", "many")
    ran = cli("train")
    assert ran.code == 2
    message = "'many' is not a valid integer."
    assert f"Invalid value for '--epochs' (from XPCNN_EPOCHS): {message}" in ran.err
    assert f"Invalid value for '--epochs': {message}" in cli("train", "--epochs", "many").err


def test_a_file_whose_name_begins_with_a_minus_sign(cli: Cli) -> None:
    Path("-4.jpg").touch()
    ran = cli("predict", "run", "-4.jpg")
    assert ran.code == 2
    assert "No such option '-4'. Did you mean the file './-4.jpg'?\n" in ran.err
