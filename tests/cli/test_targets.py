"""Several labels and numbers at the command line: CSV files of pixels, and of names of pictures."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

import xpcnn
from tests.cli.conftest import Cli

ROWS = 80


@pytest.fixture
def files() -> None:
    """Write pixels.csv (high, odd, value, pixels) and pictures with what.csv (file, red, level)."""
    image = pytest.importorskip("PIL.Image")
    train, _ = xpcnn.data.load("digits")
    names = [f"pixel{i}" for i in range(64)]
    lines: list[list[object]] = [["high", "odd", "value", *names]]
    pictures: list[list[object]] = [["file", "red", "left", "level", "note"]]
    Path("photos").mkdir()
    rng = np.random.default_rng(0)
    for i in range(ROWS):
        y, x = int(train.labels[i]), train.images[i].reshape(-1).tolist()
        lines.append([int(y > 4), y % 2, 10.5 * y, *x])
        red, left = rng.integers(0, 2, 2).tolist()
        pixels = rng.normal(60, 20, (8, 8, 3))
        pixels[..., 0] += 100 * red
        pixels[:, :4] += 50 * left
        image.fromarray(pixels.clip(0, 255).astype("u1")).save(f"photos/{i}.png")
        pictures.append([f"photos/{i}.png", red, left, round(pixels.mean() / 100, 3), "x"])
    for name, table in (("pixels.csv", lines), ("what.csv", pictures)):
        with Path(name).open("w", newline="") as file:
            csv.writer(file).writerows(table)


def drawn(cli: Cli) -> set[str]:
    """Return the names of the figures that a report of the run writes."""
    reported = cli("report", "run", "--figures", "figures")
    assert reported.code == 0, reported.err
    return {path.name for path in Path("figures").iterdir()}


@pytest.mark.usefixtures("files", "undrawn")
def test_several_labels_of_pictures(cli: Cli) -> None:
    train = ("train", "--dataset", "what.csv", "--label-column", "red,left", "--model", "digits")
    ran = cli(*train, "--epochs", "6", "--thresholds", "best", "--out", "run")
    assert ran.code == 0, ran.err
    assert "note: what.csv: columns left out: 'level', 'note'\n" in ran.err
    assert "red, left are taken for labels that an image may have at once, 0 or 1 each" in ran.err
    assert "thresholds of the highest F1 on the validation part: red " in ran.err
    model = xpcnn.load("run/model.safetensors")
    assert (model.task.name, model.classes) == ("multi-label", ("red", "left"))
    facts = json.loads(cli("evaluate", "run", "--details", "--json").out)
    assert {"loss", "accuracy", "f1", "average_precision"} <= set(facts)
    assert set(facts["per_column"]) == {"red", "left"}
    assert facts["per_column"]["red"]["threshold"] != 0.5
    turned = cli("evaluate", "run", "--label-column", "left,red", "--details", "--json")
    assert (json.loads(turned.out), "has changed" in turned.err) == (facts, False)

    (table,) = json.loads(cli("predict", "run", "photos/3.png", "--json").out)["predictions"]
    assert table["image"] == "photos/3.png"
    assert set(table["labels"]) <= {"red", "left"}
    assert cli("predict", "run", "--rows", "0:3", "--csv", "out.csv", "--probabilities").code == 0
    header = Path("out.csv").read_text().partition("\n")[0].split(",")
    assert header == [
        *("row", "red", "left", "probability of red", "probability of left"),
        *("true red", "true left"),
    ]
    assert "finds which of 2 labels are there" in cli("card", "run").out
    assert drawn(cli) == {"curves.svg", "overview.svg"}
    page = Path("run/report.html").read_text()
    assert "accuracy over epochs" in page
    assert "with the highest probability of each of the first labels" in page
    assert "of the score of red with respect to each pixel" in page
    explain = ("explain", "run", "photos/3.png", "--json")
    found = json.loads(cli(*explain).out)
    assert found["followed"] == max(found["probabilities"], key=found["probabilities"].__getitem__)
    assert json.loads(cli(*explain, "--target", "left").out)["followed"] == "left"
    page = Path("explain.html").read_text()
    assert "of the score of left with respect to each pixel" in page
    limits = {name: one["threshold"] for name, one in facts["per_column"].items()}
    rows = dict(re.findall(r'<tr><td class="text">(\w+)</td>.*?([\d.]+)</td><td style', page))
    assert {name: float(x) for name, x in rows.items()} == pytest.approx(limits, abs=1e-4)
    found = json.loads(cli("explain", "run", "--row", "0", "--json").out)
    is_right = found["true"] == (", ".join(found["labels"]) or "no label")
    said = "that is right" if is_right else f"the true labels are {found['true']}"
    assert said in Path("explain.html").read_text()
    assert (
        "no label of that name\nTry: 'left' (valid: left, red)"
        in cli(*explain, "--target", "lefd").err
    )
    assert cli("resume", "run").err.startswith("run is finished: test accuracy ")


@pytest.mark.usefixtures("files")
def test_numbers_of_pixels(cli: Cli) -> None:
    data = ("--dataset", "pixels.csv", "--label-column", "value", "--task", "regression")
    ran = cli("train", *data, "--epochs", "2", "--out", "run", "--json")
    facts = json.loads(ran.out)
    assert facts["epochs"][0]["accuracy"] is None
    assert {"loss", "mae", "rmse", "r2"} == set(facts["test"])
    assert "numbers are learnt in units of their deviation, by adam" in ran.err
    assert "columns left out: 'high', 'odd'" in ran.err
    line = cli("predict", "run", "--rows", "0").out
    assert line.startswith("0  value ")
    assert "  true value " in line
    assert cli("evaluate", "run").out.startswith("test loss ")
    assert "estimates 1 number " in cli("card", "run").out
    assert drawn(cli) == {"curves.svg", "overview.svg"}
    page = Path("run/report.html").read_text()
    assert "MAE over epochs" in page
    assert "of the estimate of value with respect to each pixel" in page
    assert "accuracy over epochs" not in page
    explained = json.loads(cli("explain", "run", "--row", "0", "--json").out)
    assert explained["followed"] == "value"
    assert explained["true"].startswith("value ")
    page = Path("explain.html").read_text()
    said = f"The network estimates value {explained['numbers']['value']:.6g}; in the data: "
    assert f"{said}{explained['true']}." in page
    assert "of the estimate of value with respect to each pixel" in page
    assert cli("train", *data, "--overfit-one-batch").code == 0
    assert cli("train", "--config", "run/config.toml", "--out", "again", "--quiet").code == 0
    assert (
        Path("run/model.safetensors").read_bytes() == Path("again/model.safetensors").read_bytes()
    )


@pytest.mark.usefixtures("files")
def test_a_stream_a_pack_and_memory_of_targets(cli: Cli) -> None:
    """A stream and its pack have the same bits; each is evaluated, continued and started from."""
    columns = ("--label-column", "red,left")
    assert cli("pack", "what.csv", "packed", *columns).code == 0
    flags = ("--model", "digits", "--epochs", "2", "--schedule", "constant", "--json")
    ran = cli("train", "--dataset", "what.csv", *columns, "--stream", "yes", *flags, "--out", "s")
    on_pack = cli("train", "--dataset", "packed", *flags, "--out", "p")
    assert (ran.code, on_pack.code) == (0, 0), on_pack.err
    figures = json.loads(ran.out)["test"]
    assert json.loads(on_pack.out)["test"] == figures
    for run in ("s", "p"):
        found = json.loads(cli("evaluate", run, "--json").out)
        assert {name: found[name] for name in figures} == figures
    read = [
        json.loads(cli("evaluate", "s", "--json", "--part", "all", "--dataset", path, *more).out)
        for path, more in (("packed", ()), ("what.csv", columns))
    ]
    assert read[0]["loss"] == pytest.approx(read[1]["loss"], rel=1e-6)
    assert cli("predict", "p", "--rows", "0:2").out.count("true") == 2
    assert cli("resume", "p", "--epochs", "3").code == 0
    tuned = cli("train", "--dataset", "packed", "--init", "s", "--epochs", "1", "--out", "i")
    assert tuned.code == 0
    assert "weights of s: 5 of 5 layers" in tuned.err


def test_numbers_of_an_npz_file(cli: Cli) -> None:
    train, _ = xpcnn.data.load("digits")
    images, values = train.images[:100], train.labels[:100] * 10.5
    np.savez("d.npz", images=images, labels=values, classes=["value"])
    ran = cli("train", "--dataset", "d.npz", "--task", "regression", "--epochs", "1", "--out", "r")
    assert ran.code == 0, ran.err
    facts = json.loads(cli("evaluate", "r", "--json").out)
    assert {"mae", "rmse", "r2"} <= set(facts)
    np.savez("e.npz", images=images, labels=values)  # without a name, which is the model's
    ran = cli("evaluate", "r", "--dataset", "e.npz", "--json")
    assert ran.code == 0, ran.err
    again = json.loads(ran.out)
    assert again["mae"] > 0
    assert cli("predict", "r", "--rows", "1", "--dataset", "e.npz").out.startswith("1  value ")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("pixels.csv --label-column high,value", "column value: '10.5' is not 0 or 1"),
        ("pixels.csv --label-column high,odd --task classification", "2 columns of labels for"),
        ("pixels.csv --label-column high --task multi-label", "1 column of labels for the task"),
        ("what.csv", "what.csv: the column of the labels may be 'red' or 'left'"),
        ("what.csv --label-column level", "is not a whole number from 0 to 65535"),
        ("what.csv --label-column red,red", "the column red is given twice"),
        ("digits --task regression", "the task is regression, but the data set digits has"),
        ("digits --task numbers", "unknown task 'numbers'"),
        ("empty.csv --label-column red,left", "empty.csv: line 2, column left: the value is miss"),
        ("absent.csv --label-column red,left", "1 of 2 pictures are not there, the first: b.png"),
        ("twice.csv --label-column red,left", "twice.csv: line 3 names 'photos/0.png' again"),
        ("out.csv --label-column red,left", "out.csv: line 2: ../x.png is not a name within the"),
    ],
)
def test_what_a_file_may_not_hold(cli: Cli, arguments: str, message: str) -> None:
    first = "file,red,left\nphotos/0.png,1,"
    Path("empty.csv").write_text(f"{first}\n")
    Path("absent.csv").write_text(f"{first}0\nb.png,1,1\n")
    Path("twice.csv").write_text(f"{first}0\nphotos/0.png,1,1\n")
    Path("out.csv").write_text("file,red,left\n../x.png,1,1\n")
    ran = cli("train", "--dataset", *arguments.split(), "--epochs", "1")
    assert ran.code == 1
    assert message in ran.err
    assert "\nTry: " in ran.err


@pytest.mark.usefixtures("files")
def test_classes_from_the_weights_of_labels(cli: Cli) -> None:
    """The loss is that of classes, not the one of the labels with their weights."""
    labels = ("--dataset", "pixels.csv", "--label-column", "high,odd", "--epochs", "1", "--quiet")
    weights = ("--set", "loss.positive_weights=balanced")
    assert cli("train", *labels, "--model", "digits", *weights, "--out", "labels").code == 0
    ran = cli("train", "--init", "labels", "--limit", "100", "--epochs", "1", "--out", "classes")
    assert ran.code == 0, ran.err
    model = xpcnn.load("classes/model.safetensors")
    assert (model.task.name, model.loss) == ("classification", xpcnn.losses.SoftmaxCrossEntropy())
