"""`xpcnn train --folds`: a run for every fold, resumable, and their mean and deviation."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.process import TINY
from xpcnn.cli import folds as module
from xpcnn.cli import job
from xpcnn.cli.folds import summary_of
from xpcnn.cli.request import Request
from xpcnn.runs import read_run

ASKED = ("train", *TINY, "--folds", "3", "--quiet")


def test_mean_and_deviation_by_hand() -> None:
    folds: list[dict[str, Any]] = [
        {"val_loss": 1.0, "val_accuracy": 0.5, "test_loss": None, "test_accuracy": 1.0},
        {"val_loss": 3.0, "val_accuracy": 0.5, "test_loss": 1.0, "test_accuracy": 0.0},
    ]
    found = summary_of(folds)
    assert found["mean"] == {"val_loss": 2.0, "val_accuracy": 0.5, "test_accuracy": 0.5}
    assert found["std"] == pytest.approx(
        {"val_loss": 2**0.5, "val_accuracy": 0.0, "test_accuracy": 0.5**0.5}
    )


def test_a_run_for_every_fold(cli: Cli) -> None:
    answer = json.loads(cli(*ASKED, "--out", "cv", "--json").out)
    assert [fold["run_dir"] for fold in answer["folds"]] == ["cv/fold-1", "cv/fold-2", "cv/fold-3"]
    accuracies = [fold["val_accuracy"] for fold in answer["folds"]]
    assert answer["mean"]["val_accuracy"] == pytest.approx(statistics.mean(accuracies))
    assert answer["std"]["val_accuracy"] == pytest.approx(statistics.stdev(accuracies))
    assert json.loads(Path("cv/folds.json").read_text())["mean"] == answer["mean"]
    # a fold is an ordinary run, which its own configuration repeats
    config = read_run("cv/fold-2").config
    assert (config["folds"], config["fold"]) == (3, 2)
    again = json.loads(cli("train", "--config", "cv/fold-2/config.toml", "--json", "--quiet").out)
    assert again["epochs"][-1]["val_accuracy"] == accuracies[1]
    shown = json.loads(cli("evaluate", "cv/fold-2", "--part", "validation", "--json").out)
    assert shown["accuracy"] == accuracies[1]
    # of a finished cross-validation nothing is computed again
    before = Path("cv/fold-1/model.safetensors").stat().st_mtime_ns
    resumed = json.loads(cli("resume", "cv", "--json", "--quiet").out)
    assert resumed["mean"] == answer["mean"]
    assert Path("cv/fold-1/model.safetensors").stat().st_mtime_ns == before


def test_an_interrupted_cross_validation_goes_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    real = job.train

    def interrupted(request: Request, resumed: Path | None = None, **more: Any) -> Any:
        if request.flags.fold == 2:
            raise KeyboardInterrupt
        return real(request, resumed, **more)

    with monkeypatch.context() as patch:
        patch.setattr(module, "train", interrupted)
        ran = cli(*ASKED, "--out", "cv")
    assert ran.code == 130
    assert "to resume all folds: xpcnn resume cv\n" in ran.err
    assert not Path("cv/folds.json").exists()
    answer = json.loads(cli("resume", "cv", "--json", "--quiet").out)
    assert [fold["fold"] for fold in answer["folds"]] == [1, 2, 3]
    whole = json.loads(cli(*ASKED, "--out", "whole", "--json").out)
    assert answer["mean"] == whole["mean"]


@pytest.mark.usefixtures("undrawn")
def test_what_folds_say_and_their_report(cli: Cli) -> None:
    pytest.importorskip("jinja2")
    ran = cli("train", *TINY, "--folds", "2", "--out", "cv")
    assert ran.err.count("test accuracy ") == 3  # of each fold, and the mean
    assert ran.err.count("next: ") == 0
    assert ran.err.count("report: ") == 1
    assert "report: xpcnn report cv\n" in ran.err
    words = next(line for line in ran.err.splitlines() if line.startswith("2 folds, mean +- "))
    written = json.loads(cli("report", "cv", "--json").out)
    assert (written["runs"], written["notes"][0]) == (["fold-1", "fold-2"], f"{words}.")
    assert words in Path("cv/report.html").read_text(encoding="utf-8")
    assert Path("cv/report.html").is_file()
    assert "fold 1 of 2 is finished\nfold 2 of 2 is finished\n" in cli("resume", "cv").err


def test_the_folder_of_all_folds_is_no_run(cli: Cli) -> None:
    assert cli("train", *TINY, "--folds", "2", "--quiet", "--out", "cv").code == 0
    ran = cli("evaluate", "cv")
    assert ran.code == 1
    assert ran.err == (
        "error: cv is not a run folder: it has no model.safetensors\nTry: cv/fold-1\n"
    )
    ran = cli("resume", "cv", "--epochs", "9")
    assert ran.code == 1
    assert ran.err == (
        "error: cv is a cross-validation, whose folds all have the same epochs and limits\n"
        "Try: a new one: xpcnn train --folds ... with --out\n"
    )


def test_one_fold_alone(cli: Cli) -> None:
    ran = cli("train", *TINY, "--folds", "3", "--fold", "2", "--out", "one")
    assert ran.code == 0
    assert "for validation, fold 2 of 3)" in ran.err


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--folds", "1"), "--folds 1: folds is 1, expected 2 or more"),
        (("--folds", "3", "--fold", "4"), "--fold 4: fold is 4, expected a number from 1 to 3"),
        (("--fold", "1"), "--fold 1: fold is given without folds\nTry: --folds 5 --fold 1"),
        (("--fold", "7"), "--fold 7: fold is given without folds\nTry: --folds 7 --fold 7"),
        (("--folds", "3", "--validation", "0.2"), "folds and validation both say what"),
    ],
)
def test_errors(cli: Cli, flags: tuple[str, ...], text: str) -> None:
    ran = cli("train", *TINY, *flags, "--out", "none")
    assert ran.code == 1
    assert text in ran.err
    assert not Path("none").exists()


@pytest.mark.usefixtures("undrawn")
def test_one_report_of_all_folds(cli: Cli) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib: not installed")
    pytest.importorskip("jinja2", reason="jinja2: not installed")
    ran = cli(*ASKED, "--out", "cv", "--report")
    assert (ran.code, ran.err) == (0, "")
    page = Path("cv/report.html").read_text(encoding="utf-8")
    assert "fold-1" in page
    assert "fold-3" in page
