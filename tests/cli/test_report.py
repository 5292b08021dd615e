"""`xpcnn report`, and what its page says of a run."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.cli.process import TINY
from tests.pages import ROOT
from tests.report.html import Page, check_self_contained
from xpcnn.data import Dataset

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of a small run, to change."""
    return Path(shutil.copytree(trained, tmp_path / "a run"))


def write(cli: Cli, *arguments: str | Path) -> Page:
    ran = cli("report", *arguments, "--out", "page.html")
    assert ran.code == 0, ran.err
    return check_self_contained(Path("page.html").read_text(encoding="utf-8"))


def test_a_report_says_what_evaluate_says(cli: Cli, run: Path) -> None:
    ran = cli("report", run)
    assert (ran.code, ran.out) == (0, f"report: {run / 'report.html'}\n")
    page = check_self_contained((run / "report.html").read_text(encoding="utf-8"))
    scores = json.loads(cli("evaluate", run, "--details", "--json").out)
    for name in ("accuracy", "loss", "calibration_error"):
        assert f"{scores[name]:.4f}" in page.words
    for row in scores["per_class"]:
        figures = (f"{row[name]:.4f}" for name in ("precision", "recall", "f1"))
        assert [row["name"], *figures, str(row["support"])] in page.rows
    cells = "".join(str(n) for row in scores["confusion"] for n in row if n)
    words = page.words[page.words.index("Confusion matrix of") :]
    assert cells in "".join(words.split())  # row by row
    worst = scores["worst"][0]
    assert f"p(true) = {worst['probability']:.4f}row {worst['row']}" in page.words
    assert f"xpcnn train --config '{run / 'config.toml'}'" in page.words
    # its curves end where the history does
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert f"loss over epochs: {run.name} ends at {last['val_loss']:.4g}" in page.words
    assert f"learning rate over epochs: {run.name} ends at {last['lr']:.4g}" in page.words


@pytest.mark.usefixtures("undrawn")
def test_where_the_time_goes(cli: Cli, run: Path) -> None:
    page = write(cli, run)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert 0.0 < last["data_seconds"] < last["seconds"]
    assert last["validation_seconds"] > 0.0
    parts = [row[0] for row in page.rows]
    recorded, measured = parts.index("waiting for batches"), parts.index("data")
    assert parts[recorded : recorded + 3] == ["waiting for batches", "updates", "validation"]
    assert parts[measured : measured + 5] == ["data", "forward", "loss", "backward", "update"]
    assert "samples in training, forward (blue) and backward" in page.words
    # a run of before these were recorded has the other table
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["data_seconds"], line["validation_seconds"]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert "waiting for batches" not in write(cli, run).words


@pytest.mark.usefixtures("undrawn")
def test_several_runs_lie_over_each_other(cli: Cli, run: Path) -> None:
    other = Path("b")
    assert cli("train", *TINY, "--lr", "0.01", "--out", other, "--quiet").code == 0
    page = write(cli, run, other, run)
    assert "a run, b, a run (2)" in page.words
    assert "all below the table of runs, are those of a run." in page.words
    assert any(row[1:2] == ["training.optimizer.lr"] and "0.01" in row for row in page.rows)
    assert "not comparable" not in page.words
    assert cli("train", *TINY, "--limit", "200", "--out", "c", "--quiet").code == 0
    assert "trained on different parts of digits, and perhaps" in write(cli, run, "c").words


@pytest.mark.usefixtures("undrawn")
def test_rows_choose_what_is_looked_at(cli: Cli, run: Path) -> None:
    page = write(cli, run, "--rows", "7,3", "--figures", "drawn", "--figure-format", "png")
    assert Path("drawn/overview.png").read_bytes().startswith(b"\x89PNG")
    assert page.words.count("Grad-CAM at the last convolution") == 2
    assert page.words.index("Row 7:") < page.words.index("Row 3:")
    page = write(cli, run, "--rows", "7,2:4")
    assert page.words.count("Grad-CAM at the last convolution") == 3
    assert "has the rows 0 to 354" in cli("report", run, "--rows", "355").err
    assert "--rows is '3,x'\nTry: --rows 0:10, or 3,17" in cli("report", run, "--rows", "3,x").err


PICTURE = ROOT / "examples" / "pictures" / "digits.svg"
MOST_BYTES = 150_000


def words(svg: str) -> list[str]:
    """Return the words in a picture, without ticks of the axes and predictions."""
    return re.findall(r">([a-z]+)</text>", svg)


def test_the_figures_as_files(cli: Cli, run: Path) -> None:
    """The README's picture is small, and is the overview of its first command."""
    ran = cli("report", run, "--figures", "drawn")
    names = ["overview", "curves", "confusion", "calibration", "worst"]
    paths = [Path("drawn", f"{name}.svg") for name in names]
    assert (ran.code, ran.out.splitlines()[1:]) == (0, [f"figure: {path}" for path in paths])
    found = {path.stem: path.read_text(encoding="utf-8") for path in paths}
    kept = PICTURE.read_text(encoding="utf-8")
    assert len(kept) < MOST_BYTES
    assert words(kept) == words(found["overview"])
    assert {"loss", "accuracy", "epoch", "training", "validation"} <= {*words(kept)}
    assert kept.count("<image") == found["overview"].count("<image") == 11
    assert found["worst"].count("<image") == 10
    assert "predicted class" in found["confusion"]


@pytest.mark.usefixtures("undrawn")
def test_without_test_data_the_report_says_so(cli: Cli, run: Path) -> None:
    config = run / "config.toml"
    model = xpcnn.load(run / "model.safetensors")
    model.provenance["config"]["dataset"] = "/nowhere/data.npz"
    model.save(run / "model.safetensors")
    page = write(cli, run, "--figures", "drawn")
    assert {path.stem for path in Path("drawn").iterdir()} == {"overview", "curves"}
    assert "Without test data: /nowhere/data.npz" in page.words
    assert "ends at" in page.words
    assert "Filters of the first convolution" in page.words
    assert "Calibration" not in page.words
    assert config.is_file()
    refused = cli("report", run, "--dataset", "/nowhere/else.npz")
    assert (refused.code, "Try:" in refused.err) == (1, True)


def test_names_are_escaped(cli: Cli, tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "$a$ & $b", '"><img src=x onerror=y>']
    rng = numpy.random.default_rng(0)
    images = rng.integers(0, 255, (60, 1, 8, 8)).astype(numpy.uint8)
    data = Dataset.from_arrays(images, rng.integers(0, 3, 60), names)
    numpy.savez(tmp_path / "d.npz", images=images, labels=data.labels, classes=names)
    flags = ("--dataset", "d.npz", "--epochs", "1", "--out", "run", "--quiet")
    ran = cli("train", *flags)
    assert ran.code == 0, ran.err
    page = write(cli, "run")
    assert all(name in page.words for name in names)


def test_a_folder_that_is_no_run(cli: Cli) -> None:
    ran = cli("report", "nowhere")
    assert (ran.code, ran.err.splitlines()) == (
        1,
        [
            "error: nowhere is not a run folder: there is no such folder",
            "Try: a folder that `xpcnn train` made, such as runs/...",
        ],
    )


def test_a_run_that_has_not_ended(cli: Cli, run: Path) -> None:
    (run / "model.safetensors").unlink()
    ran = cli("report", run)
    assert ran.code == 1
    assert "has no model.safetensors" in ran.err
    assert f"Try: xpcnn resume '{run}'" in ran.err


@pytest.mark.usefixtures("undrawn")
def test_train_writes_a_report_at_its_end(cli: Cli) -> None:
    ran = cli("train", *TINY, "--out", "r", "--report")
    assert ran.code == 0
    assert f"report: {Path('r') / 'report.html'}" in ran.err
    assert ran.err.count("report: ") == 1  # and no command that would write it again
    check_self_contained(Path("r/report.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "arguments", [("report",), ("explain", "--row", "1"), ("train", "--report")]
)
def test_without_jinja2_one_line_says_what_to_install(
    cli: Cli, trained: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = {**sys.modules}
    for name in [name for name in loaded if name.startswith(("xpcnn.report", "xpcnn.cli."))]:
        package, _, module = name.rpartition(".")
        monkeypatch.setattr(loaded[package], module, loaded[name], raising=False)  # as afterwards
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    folder = () if arguments[0] == "train" else (trained,)
    ran = cli(arguments[0], *folder, *arguments[1:])
    assert ran.code == 1
    assert ran.err.splitlines()[-2:] == [
        "error: a report needs jinja2, which is not installed",
        "Try: pip install 'xpcnn[report]'",
    ]


def test_rows_of_features_have_a_report_without_pictures(cli: Cli) -> None:
    rng = numpy.random.default_rng(0)
    labels = numpy.arange(90) % 3
    images = rng.normal(size=(90, 5, 1, 1)).astype(numpy.float32)
    numpy.savez("d.npz", images=images, labels=labels)
    network = ("--set", 'layers=[{type="Flatten"}, {type="Dense", units=3}]')
    ran = cli("train", "--dataset", "d.npz", "--epochs", "1", "--out", "run", "--quiet", *network)
    assert ran.code == 0, ran.err
    page = write(cli, "run", "--figures", "drawn")
    assert not Path("drawn/worst.svg").exists()
    assert "<image" not in Path("drawn/overview.svg").read_text()
    assert "probability of the true class" in page.words
    assert "Grad-CAM" not in page.words
    assert not page.pictures
