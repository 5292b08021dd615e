"""`evaluate`, `predict` and `summary` on what `train` left, and on presets."""

import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from xpcnn.layers import Dense, Flatten
from xpcnn.model_loading import load_model


def answer(cli: Cli, *arguments: str | Path) -> Any:
    """Run a command with --json and return what it printed."""
    ran = cli(*arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    return json.loads(ran.out)


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
    assert (found["part"], found["images"]) == ("train", 1442)


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


def test_predict_rows(cli: Cli, trained: Path) -> None:
    _, test = xpcnn.data.load("digits")
    expected = load_model(trained / "model.safetensors").predict_proba(test.images[3:6])
    found = answer(cli, "predict", trained, "--rows", "3:6", "--probabilities")
    assert list(found) == ["model", "predictions"]
    for i, row in enumerate(found["predictions"]):
        assert row["row"] == 3 + i
        assert row["class"] == str(expected[i].argmax())
        assert row["true"] == str(test.labels[3 + i])
        assert row["probability"] == expected[i].max()
        assert list(row["probabilities"]) == list(test.classes)
        assert list(row["probabilities"].values()) == expected[i].tolist()
    lines = cli("predict", trained, "--rows", "3:6").out.splitlines()
    assert lines == [
        f"{row['row']}  {row['class']}  {row['probability']:.4f}  true {row['true']}"
        for row in found["predictions"]
    ]


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [("7", [7]), (":2", [0, 1]), ("353:", [353, 354]), ("354:999", [354])],
)
def test_rows_as_in_python(cli: Cli, trained: Path, rows: str, chosen: list[int]) -> None:
    found = answer(cli, "predict", trained, "--rows", rows)
    assert [row["row"] for row in found["predictions"]] == chosen


@pytest.mark.parametrize("rows", ["355", "4:4", "-3:2", "400:"])
def test_rows_that_are_not_there(cli: Cli, trained: Path, rows: str) -> None:
    ran = cli("predict", trained, f"--rows={rows}")
    message = f"--rows {rows}: the test part of digits has the rows 0 to 354"
    assert ran == (1, "", f"error: {message}\nTry: --rows 0:10\n")


def test_rows_that_are_no_numbers(cli: Cli, trained: Path) -> None:
    ran = cli("predict", trained, "--rows", "all")
    assert ran == (1, "", "error: --rows is 'all'\nTry: --rows 0:10, or a number\n")


def ink_on_paper(folder: Path, count: int) -> list[str]:
    """Write the first test digits as dark ink on white, six times as large."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    _, test = xpcnn.data.load("digits")
    paths = []
    for i in range(count):
        level = 255 - (test.images[i, 0].astype(float) * 255 / 16).round().astype(numpy.uint8)
        paths.append(str(folder / f"{i}.png"))
        image.fromarray(level.repeat(6, axis=0).repeat(6, axis=1)).save(paths[-1])
    return paths


def test_predict_pictures(cli: Cli, trained: Path, tmp_path: Path) -> None:
    paths = ink_on_paper(tmp_path, 20)
    rows = answer(cli, "predict", trained, "--rows", "0:20")["predictions"]
    found = answer(cli, "predict", trained, *paths, "--crop", "no")["predictions"]
    assert [table["image"] for table in found] == paths
    assert list(found[0]) == ["image", "class", "probability", "framed", "inverted", "blank"]
    assert [found[0][name] for name in ("framed", "inverted", "blank")] == [False, True, False]
    same = sum(a["class"] == b["class"] for a, b in zip(rows, found, strict=True))
    assert same >= 19  # the pixels are the same to 1 / 255
    lines = cli("predict", trained, *paths[:2], "--crop", "no").out.splitlines()
    assert lines == [
        f"{table['image']}  {table['class']}  {table['probability']:.4f}  inverted"
        for table in found[:2]
    ]
    shown = cli("predict", trained, paths[0], "--probabilities").out
    assert len(shown.split("  ")) == 4 + 10
    assert "  0=" in shown


def test_without_inversion_the_picture_is_another(cli: Cli, trained: Path, tmp_path: Path) -> None:
    (path,) = ink_on_paper(tmp_path, 1)
    auto, yes, no = (
        answer(cli, "predict", trained, path, "--invert", invert, "--probabilities")
        for invert in ("auto", "yes", "no")
    )
    assert auto == yes
    assert auto != no


def test_rows_of_files_of_data(cli: Cli, trained: Path) -> None:
    images = xpcnn.data.load("digits")[1].images[:4]
    numpy.savez("my data.npz", images[:, 0])  # no labels: one array, of any name
    ran = cli("predict", trained, "my data.npz")
    assert ran.code == 1
    assert ran.err == (
        "error: my data.npz: is a file of data, not a picture\n"
        "Try: --rows : --dataset 'my data.npz'\n"
    )
    rows = answer(cli, "predict", trained, "--rows", ":", "--dataset", "my data.npz")["predictions"]
    expected = load_model(trained / "model.safetensors").predict(images)
    assert [int(row["class"]) for row in rows] == expected.tolist()
    assert all("true" not in row for row in rows)


def test_a_picture_that_is_none_names_the_file(cli: Cli, trained: Path) -> None:
    ran = cli("predict", trained, "no.png")
    assert ran.code == 1
    assert ran.err.startswith("error: no.png: there is no such file\nTry: ")


def test_pictures_need_pillow(cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    ran = cli("predict", trained, "a.png")
    assert ran.code == 1
    assert ran.err == (
        "error: reading pictures needs Pillow, which is not installed\n"
        "Try: pip install 'xpcnn[images]'\n"
    )


def test_pictures_need_to_know_how_the_training_images_were_read(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    xpcnn.Model([Flatten(), Dense(2)], input_shape=(1, 8, 8)).save(path)  # never trained
    ran = cli("predict", path, "a.png")
    assert ran.code == 1
    assert "does not say how its samples were read (reading)" in ran.err


def test_summary_of_a_preset_a_file_and_a_run(cli: Cli, trained: Path) -> None:
    preset = answer(cli, "summary", "digits")
    assert preset == answer(cli, "summary", trained)
    assert preset == answer(cli, "summary", trained / "model.toml")
    assert preset == answer(cli, "summary", trained / "model.safetensors")
    model = load_model(trained / "model.safetensors")
    assert preset["parameters"] == model.summary().parameters
    assert cli("summary", trained) == (0, f"{model.summary()}\n", "")


def test_summary_of_another_batch_and_shape(cli: Cli) -> None:
    small, double = (answer(cli, "summary", "tiny", "--batch-size", n) for n in ("1", "2"))
    assert double["activation_bytes"] == 2 * small["activation_bytes"]
    larger = answer(cli, "summary", "tiny", "--input-shape", "3,32,32")
    assert larger["rows"][0]["input_shape"] == [3, 32, 32]
    assert larger["parameters"] > small["parameters"]


def test_a_preset_goes_before_a_folder_of_that_name(cli: Cli) -> None:
    Path("tiny").mkdir()
    assert cli("summary", "tiny").code == 0
    assert "tiny is not a run folder" in cli("summary", f".{os.sep}tiny{os.sep}").err


def test_summary_of_what_is_not_there(cli: Cli) -> None:
    ran = cli("summary", "smal")
    assert ran.code == 1
    assert ran.err.startswith("error: unknown model 'smal'\nTry: 'small' (valid: ")
    assert cli("summary", "no.safetensors").err.startswith("error: no.safetensors: there is no ")
    assert cli("summary", "no.toml").err.startswith("error: no.toml cannot be read: ")


def test_info(cli: Cli) -> None:
    facts = answer(cli, "info")
    assert facts["xpcnn"] == xpcnn.__version__
    assert set(facts["gpu"]) >= {"cupy", "torch cuda"}
    lines = cli("info").out.splitlines()
    assert all(after.startswith(" ") for line, after in pairwise(lines) if line.endswith(":"))
    assert lines[0] == f"xpcnn: {xpcnn.__version__}"
    assert f"  numpy: {numpy.__version__}" in lines
    assert any(line.startswith("  cupy: ") for line in lines)
    assert "  array_api_strict: float32, float64" in lines[lines.index("dtypes:") :]
    assert any(line.startswith("blas: ") for line in lines)
    assert any(line.startswith(("kernels: in C", "kernels: NumPy's, since")) for line in lines)
