"""`evaluate`, `predict` and `summary` on what `train` left, and on presets."""

import os
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli, answer
from xpcnn.layers import Dense, Flatten
from xpcnn.model_loading import load_model


def library_model(path: Path, classes: tuple[str, ...] | None = None) -> Path:
    """Save a model that was made and trained in Python, on arrays of its own."""
    model = xpcnn.Model([Flatten(), Dense(2)], input_shape=(1, 8, 8), classes=classes)
    images = numpy.arange(2 * 64, dtype=numpy.float32).reshape(2, 1, 8, 8)
    model.fit((images, [0, 1]), epochs=1)
    model.save(path)
    return path


def test_evaluate_a_folder_and_a_file(cli: Cli, trained: Path) -> None:
    expected = load_model(trained / "model.safetensors").evaluate(xpcnn.data.load("digits")[1])
    for name in (trained, trained / "model.safetensors"):
        assert answer(cli, "evaluate", name) == {
            "model": str(name),
            "backend": "numpy",
            "dataset": "digits",
            "part": "test",
            "images": 355,
            "views": ["identity"],
            **expected,
        }
    ran = cli("evaluate", trained)
    assert ran == (
        0,
        f"test accuracy {expected['accuracy']:.4f}, loss {expected['loss']:.4f} "
        "(355 images of digits)\n",
        "",
    )


def test_evaluate_the_training_part(cli: Cli, trained: Path) -> None:
    found = answer(cli, "evaluate", trained, "--part", "train")
    assert (found["part"], found["images"]) == ("train", 600)  # the run has a --limit


def test_evaluate_on_another_backend(cli: Cli, trained: Path) -> None:
    pytest.importorskip("array_api_strict", reason="array_api_strict is not installed")
    numpys = answer(cli, "evaluate", trained)
    strict = answer(cli, "evaluate", trained, "--backend", "array_api_strict")
    assert strict["backend"] == "array_api_strict"
    assert strict["accuracy"] == numpys["accuracy"]


def test_a_model_of_some_classes_is_tried_on_those(cli: Cli) -> None:
    flags = ("--classes", "8,1", "--epochs", "4", "--quiet", "--out", "two")
    trained = answer(cli, "train", *flags)
    found = answer(cli, "evaluate", "two")
    assert found["images"] < 80
    assert found["accuracy"] == trained["test"]["accuracy"]
    rows = answer(cli, "predict", "two", "--rows", "0:30")["predictions"]
    assert {row["true"] for row in rows} == {"8", "1"}
    right = sum(row["class"] == row["true"] for row in rows)
    assert right > 20


def test_a_model_of_python_does_not_know_its_data(cli: Cli, tmp_path: Path) -> None:
    path = library_model(tmp_path / "own.safetensors", ("3", "4"))
    ran = cli("evaluate", path)
    assert ran.code == 1
    assert ran.err == (
        "error: the model file does not say on which known data set the model was trained\n"
        "Try: --dataset with one of cifar10, cifar100, digits, fashion-mnist, kmnist, mnist\n"
    )
    found = answer(cli, "evaluate", path, "--dataset", "digits")
    assert found["images"] < 80  # threes and fours


def test_no_model_there(cli: Cli, tmp_path: Path) -> None:
    message = "error: no/model: there is no such run folder or model file\n"
    message += "Try: the folder that `xpcnn train` named at its end\n"
    for command in (["evaluate"], ["predict", "--rows", "1"], ["summary"]):
        ran = cli(*command, "no/model")
        assert ran == (1, "", message)
    ran = cli("evaluate", tmp_path)
    assert ran.code == 1
    assert ran.err == f"error: {tmp_path} is not a run folder: it has no model.safetensors\n" + (
        "Try: a folder that `xpcnn train` named at its end\n"
    )


@pytest.mark.parametrize(
    ("file", "why", "command"),
    [
        ("step-000000003", "it has not come to its end", "resume"),
        ("not-finite", "the training diverged", "replay"),
    ],
)
def test_a_run_without_a_model(cli: Cli, file: str, why: str, command: str) -> None:
    checkpoints = Path("a run", "checkpoints")
    checkpoints.mkdir(parents=True)
    Path("a run", "config.toml").touch()
    (checkpoints / f"{file}.safetensors").touch()
    message = f"error: a run: the run has no model.safetensors, because {why}\n"
    for asked in ("evaluate", "summary", "parity"):
        assert cli(asked, "a run") == (1, "", f"{message}Try: xpcnn {command} 'a run'\n")


def test_a_run_folder_as_data(cli: Cli) -> None:
    assert cli("train", "--epochs", "1", "--out", "run", "--limit", "50").code == 0
    ran = cli("show", "run")
    assert ran == (
        1,
        "",
        "error: run: a run folder, expected a folder of pictures\n"
        f"Try: the data set that run{os.sep}config.toml names\n",
    )


def test_a_file_that_is_no_model(cli: Cli) -> None:
    Path("notes.safetensors").write_text("words")
    ran = cli("evaluate", "notes.safetensors")
    assert ran.code == 1
    assert ran.err.startswith("error: notes.safetensors is not a complete safetensors file: ")
    Path("a.JPG").write_bytes(b"")
    ran = cli("predict", "a.JPG", "run")
    assert ran.err == (
        "error: a.JPG is a picture, expected a run folder or model file first\n"
        "Try: xpcnn predict RUN PICTURE\n"
    )
