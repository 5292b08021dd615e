"""`evaluate --details`, and --views of `evaluate` and `predict`."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli, answer
from tests.test_classification import CLASSES, LABELS, SAYS, WORDS, echo, images
from xpcnn import classification_report
from xpcnn.model_loading import load_model

BOTH = ("--views", "identity,flip")


@pytest.fixture
def small() -> tuple[str, ...]:
    """Return the arguments of a model that echoes its pixels, and of data without a `d`."""
    echo(4, classes=CLASSES).save("echo.safetensors")
    x = images(SAYS)
    train, test = {"images": x, "labels": LABELS}, {"test_images": x, "test_labels": LABELS}
    numpy.savez("small.npz", **train, **test, classes=CLASSES)  # type: ignore[arg-type]
    return "echo.safetensors", "--dataset", "small.npz", "--part", "test"


def test_details_in_words(cli: Cli, small: tuple[str, ...]) -> None:
    first = cli("evaluate", *small).out
    assert first.startswith("test accuracy 0.6000, loss 0.")
    assert cli("evaluate", *small, "--details") == (0, f"{first}\n{WORDS}\n", "")


def test_details_in_numbers(cli: Cli, small: tuple[str, ...]) -> None:
    plain = answer(cli, "evaluate", *small)
    found = answer(cli, "evaluate", *small, "--details")
    assert {name: found[name] for name in plain} == plain
    report = classification_report(echo(4, classes=CLASSES), (images(SAYS), LABELS))
    expected = json.loads(json.dumps(asdict(report)))
    assert found == plain | expected
    assert found["missing"] == ["d"]
    assert found["per_class"][3]["recall"] is None


def test_views_of_evaluate(cli: Cli, trained: Path) -> None:
    model, (_, test) = load_model(trained / "model.safetensors"), xpcnn.data.load("digits")
    report = classification_report(model, test, views=["identity", "flip"])
    figures = {"accuracy": report.accuracy, "log_loss": report.log_loss}
    found = answer(cli, "evaluate", trained, *BOTH)
    assert found["views"] == ["identity", "flip"]
    assert "loss" not in found
    assert {name: found[name] for name in figures} == figures
    assert found["accuracy"] != answer(cli, "evaluate", trained)["accuracy"]
    line = (
        f"test accuracy {report.accuracy:.4f}, log loss {report.log_loss:.4f} "
        "(355 images of digits, mean of the views identity, flip)\n"
    )
    assert cli("evaluate", trained, *BOTH) == (0, line, "")
    assert cli("evaluate", trained, *BOTH, "--details").out == f"{line}\n{report}\n"


def test_views_of_predict(cli: Cli, trained: Path) -> None:
    model, x = load_model(trained / "model.safetensors"), xpcnn.data.load("digits")[1].images[:20]
    p = model.predict_proba(x, views=["identity", "flip"])
    found = answer(cli, "predict", trained, "--rows", "0:20", *BOTH)["predictions"]
    assert [row["probability"] for row in found] == p.max(axis=1).tolist()

    rows = [[f"pixel{i}" for i in range(64)], *x.reshape(20, -1).tolist()]
    with Path("test.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    flags = ("--dataset", "test.csv", "--submission", "out.csv")
    assert cli("predict", trained, *flags, *BOTH).code == 0
    labels = [line.split(",")[1] for line in Path("out.csv").read_text().split()[1:]]
    assert labels == [str(k) for k in p.argmax(axis=1)]
    assert labels != [str(k) for k in model.predict(x)]


def test_views_of_pictures(cli: Cli, trained: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    level = 255 - xpcnn.data.load("digits")[1].images[0, 0] * 15
    image.fromarray(level.astype(numpy.uint8)).save("a.png")
    one, other, both = (
        answer(cli, "predict", trained, "a.png", "--probabilities", "--views", views)
        for views in ("identity", "flip", "identity,flip")
    )
    first, second, mean = (
        list(found["predictions"][0]["probabilities"].values()) for found in (one, other, both)
    )
    halves = numpy.asarray([first, second], "float32") / 2
    assert numpy.asarray(mean, "float32").tolist() == halves.sum(axis=0).tolist()
    assert first != second


def test_a_view_that_is_not_there(cli: Cli, trained: Path) -> None:
    for command in (["evaluate"], ["predict", "--rows", "1"]):
        ran = cli(*command, trained, "--views", "flop")
        assert ran[:2] == (1, "")
        assert ran[2].startswith(
            "error: unknown view 'flop'\nTry: 'flip' (valid: down-right, flip, "
        )


@pytest.mark.parametrize("command", [("evaluate",), ("predict", "--rows", "0:2")])
def test_tf32_is_refused_on_a_cpu(cli: Cli, trained: Path, command: tuple[str, ...]) -> None:
    ran = cli(command[0], trained, *command[1:], "--tf32")
    assert ran.code == 1
    assert ran.err.startswith("error: backend 'numpy' on cpu has no TF32 (TF32 is of NVIDIA GPUs)")
