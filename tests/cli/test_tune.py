"""`xpcnn tune`: what it searches, what it keeps, how it goes on, and what it refuses."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.report.html import check_self_contained
from xpcnn.cli.ranges import Range, Tune, read_tune
from xpcnn.errors import ConfigError

pytest.importorskip("optuna", reason="optuna: not installed (pip install 'xpcnn[tune]')")

FILE = """
epochs = 2
limit = 100

[tune]
trials = 3

[tune.ranges]
"training.optimizer.lr" = { low = 0.001, high = 0.5, log = true }
"layers.0.filters" = { low = 4, high = 8, step = 4 }
batch-size = { values = [32, 64] }
"""


def search(cli: Cli, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("tune", *arguments, "--json", "--quiet").out)
    return found


def test_a_search_its_best_run_and_more_trials(cli: Cli) -> None:
    Path("search.toml").write_text(FILE)
    found = search(cli, "search.toml", "--out", "folder")
    assert [trial["trial"] for trial in found["trials"]] == [0, 1, 2]
    for trial in found["trials"]:
        values = trial["values"]
        assert 0.001 <= values["training.optimizer.lr"] <= 0.5
        assert values["layers.0.filters"] in (4, 8)
        assert values["batch-size"] in (32, 64)
        assert trial["state"] in ("complete", "pruned")
    best = found["best"]
    complete = [trial for trial in found["trials"] if trial["state"] == "complete"]
    assert best["value"] == max(trial["value"] for trial in complete)
    # the best trial as a file: the same figures again
    config = tomllib.loads(Path("folder/best.toml").read_text())
    assert config["training"]["optimizer"]["lr"] == best["values"]["training.optimizer.lr"]
    ran = cli("train", "--config", "folder/best.toml", "--json", "--quiet", "--out", "run")
    assert json.loads(ran.out)["epochs"][-1]["val_accuracy"] == best["value"]
    # finished: nothing is added; with more trials, these are
    assert search(cli, "folder") == found
    Path("search.toml").write_text(FILE.replace("trials = 3", "trials = 4"))
    more = search(cli, "search.toml", "--out", "folder")["trials"]
    assert more[:3] == found["trials"]
    assert len(more) == 4
    words = cli("tune", "folder", "--quiet").out
    assert "to train with the best: xpcnn train --config folder/best.toml" in words
    Path("search.toml").write_text(FILE.replace("0.001", "0.01"))
    ran = cli("tune", "search.toml", "--out", "folder")
    assert ran.code == 1
    assert (
        "folder is the search of another file: its tune.toml differs in more than trials" in ran.err
    )


def test_a_trial_is_not_stopped_after_its_last_epoch(cli: Cli) -> None:
    # 1 epoch: what successive halving would stop there has come to its end
    Path("search.toml").write_text(FILE.replace("epochs = 2", "epochs = 1"))
    assert [t["state"] for t in search(cli, "search.toml")["trials"]] == ["complete"] * 3


@pytest.mark.usefixtures("undrawn")
def test_the_report_of_a_search_has_its_trials(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("jinja2", "matplotlib"):
        pytest.importorskip(package)
    Path("search.toml").write_text(FILE)
    found = search(cli, "search.toml", "--out", "folder")
    assert json.loads(Path("folder/trials.json").read_text())["trials"] == found["trials"]
    monkeypatch.setenv("XPCNN_DATA_DIR", "data")  # of all commands; a search needs none
    assert cli("report", "folder").out == "report: folder/report.html\n"
    monkeypatch.delenv("XPCNN_DATA_DIR")
    page = check_self_contained(Path("folder/report.html").read_text(encoding="utf-8"))
    for trial in found["trials"]:
        figures = [f"{trial['value']:.4f}", str(trial["epochs"]), f"{trial['seconds']:.1f}"]
        lr, filters, size = trial["values"].values()
        expected = [
            str(trial["trial"]),
            trial["state"],
            *figures,
            f"{lr:g}",
            *map(str, (filters, size)),
        ]
        assert expected in page.rows
        assert len(trial["curve"]) == trial["epochs"]
    for figure in ("over epochs", "by training.optimizer.lr", "by layers.0.filters"):
        assert f"validation accuracy of 3 trials {figure}" in page.words
    assert f"best validation accuracy{found['best']['value']:.4f}" in page.words
    assert "xpcnn train --config folder/best.toml" in page.words
    # beside a run, a section of its page
    assert cli("train", "--config", "folder/best.toml", "--quiet", "--out", "run").code == 0
    assert cli("report", "run", "folder", "--out", "page.html").code == 0
    page = check_self_contained(Path("page.html").read_text(encoding="utf-8"))
    assert "Search folder" in page.words
    assert "Calibration" in page.words
    Path("folder/trials.json").unlink()
    ran = cli("report", "folder")
    assert ran.err == (
        "error: folder: the search has no trials.json\nTry: xpcnn tune folder, which writes it\n"
    )


def test_an_interrupted_search_goes_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from xpcnn.cli import run_plan, tuning

    calls: list[Any] = []

    def interrupted(request: Any) -> Any:
        calls.append(request)
        if len(calls) == 3:  # the check, the first trial, the second
            raise KeyboardInterrupt
        return run_plan.prepare(request)

    Path("search.toml").write_text(FILE)
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "prepare", interrupted)
        ran = cli("tune", "search.toml", "--out", "folder", "--quiet")
    assert ran.code == 130
    assert "to resume: xpcnn tune folder\n" in ran.err
    states = [trial["state"] for trial in search(cli, "folder")["trials"]]
    assert states.count("fail") == 1  # the interrupted one, which does not count
    assert len(states) == 4


def test_trials_that_fail_are_told(cli: Cli) -> None:
    text = FILE.replace("low = 0.001, high = 0.5, log = true", "values = [0.1, 1e30]")
    Path("search.toml").write_text(text.replace("trials = 3", "trials = 4"))
    found = search(cli, "search.toml", "--out", "folder")
    for trial in found["trials"]:
        diverged = trial["values"]["training.optimizer.lr"] == 1e30
        assert diverged == (trial["state"] == "fail")
        assert diverged == (trial["error"] is not None)


def test_keys_are_checked_before_anything_is_written(cli: Cli) -> None:
    Path("search.toml").write_text(FILE.replace("layers.0.filters", "layers.0.filter"))
    ran = cli("tune", "search.toml", "--out", "folder")
    assert ran.code == 1
    assert "filter" in ran.err
    assert "\nTry: " in ran.err
    assert not Path("folder/base.toml").exists()


def test_numbers_are_searched_by_their_loss(cli: Cli) -> None:
    images = np.random.default_rng(0).random((20, 4, 4), "f4")
    np.savez("data.npz", x_train=images, y_train=images.mean((1, 2)))
    search_file = Path("search.toml")
    text = """
dataset = "data.npz"
task = "regression"
model = "tiny"
validation = 0.5
epochs = 1
[tune]
trials = 1
[tune.ranges]
"training.optimizer.lr" = { low = 0.001, high = 0.01 }
"""
    search_file.write_text(text)
    assert cli("tune", "search.toml", "--out", "folder").err == (
        "error: tune.metric is val_accuracy, and regression has no accuracy\n"
        'Try: metric = "val_loss"\n'
    )
    search_file.write_text(text.replace("trials = 1", 'trials = 1\nmetric = "val_loss"'))
    assert search(cli, "search.toml", "--out", "folder")["best"]["value"] > 0


def test_a_search_by_another_figure(cli: Cli) -> None:
    """Of weights that were best by their loss, the figure is theirs, not the best of any epoch."""
    text = (
        FILE.replace("trials = 3", 'trials = 1\nmetric = "val_f1"') + "[training]\nkeep_best = true"
    )
    search_file = Path("search.toml")
    search_file.write_text(text)
    assert cli("tune", "search.toml", "--out", "folder").err == (
        "error: tune.metric is val_f1, and f1 is not among the metrics\n"
        "Try: --metrics f1, in Python metrics=['f1']\n"
    )
    search_file.write_text('metrics = "f1"\n' + text)
    best = search(cli, "search.toml", "--out", "folder")["best"]
    ran = json.loads(
        cli("train", "--config", "folder/best.toml", "--json", "--quiet", "--out", "run").out
    )
    epochs = ran["epochs"]
    kept = min(epochs, key=lambda epoch: epoch["val_loss"])
    assert (best["value"], best["curve"]) == (kept["val_f1"], [e["val_f1"] for e in epochs])


def test_ranges() -> None:
    table = tomllib.loads(FILE)["tune"]
    assert read_tune(table) == Tune(
        {
            "training.optimizer.lr": Range(0.001, 0.5, log=True),
            "layers.0.filters": Range(4, 8, step=4),
            "batch-size": Range(values=(32, 64)),
        },
        trials=3,
    )
    assert read_tune(table).ranges["layers.0.filters"].is_whole


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (None, "there is no table [tune.ranges] to search"),
        ({"ranges": {"lr": 1}}, "tune.ranges.lr is 1, expected a table of low and high, or of"),
        ({"ranges": {"lr": {"low": 1}}}, "tune.ranges.lr: low and high must be numbers"),
        ({"ranges": {"lr": {"low": 2, "high": 1}}}, "the lower first"),
        ({"ranges": {"lr": {"low": 0, "high": 1, "log": True}}}, "log needs numbers above 0"),
        ({"ranges": {"lr": {"low": 0, "high": 1, "stop": 1}}}, "has no key 'stop'\nTry: 'step'"),
        ({"ranges": {"lr": {"values": [1]}}}, "values must be a list of two or more"),
        ({"ranges": {"lr": {"values": [1, [2]]}}}, "values must be texts, numbers, true or false"),
        ({"ranges": {"lr": {"low": 0, "high": 1, "step": -1}}}, "step must be a number above 0"),
        ({"metric": "loss", "ranges": {"lr": {"values": [1, 2]}}}, "tune.metric is 'loss'"),
        ({"trials": 0, "ranges": {"lr": {"values": [1, 2]}}}, "tune: trials is 0"),
    ],
)
def test_bad_tables(table: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_tune(table)
    assert text in str(caught.value)
    assert "\nTry: " in str(caught.value)


def test_a_file_that_is_not_there(cli: Cli) -> None:
    ran = cli("tune", "none.toml")
    assert ran.err == (
        "error: none.toml cannot be read: No such file or directory\nTry: check the path\n"
    )
