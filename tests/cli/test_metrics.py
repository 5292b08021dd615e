"""`xpcnn train --metrics`: further figures of validation and test, in the files of a run."""

import json
from pathlib import Path

import xpcnn
from tests.cli.conftest import Cli


def test_files_of_a_run_have_the_metrics(cli: Cli) -> None:
    given = ["--limit", "200", "--epochs", "1", "--validate-every", "1", "--metrics", "f1,top-3"]
    printed = json.loads(cli("train", *given, "--out", "run", "--json").out)
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert len(lines) > 1
    assert all({"val_f1", "val_top_3"} < {*line} for line in lines)
    assert printed["epochs"][0]["val_f1"] == lines[-1]["val_f1"]
    assert {*printed["test"]} == {"loss", "accuracy", "f1", "top_3"}
    metrics = xpcnn.load("run/model.safetensors").provenance["metrics"]
    assert metrics["last_epoch"]["val_f1"] == lines[-1]["val_f1"]


def test_an_unknown_metric_is_refused(cli: Cli) -> None:
    ran = cli("train", "--metrics", "f9")
    assert ran.code == 1
    assert "unknown metric 'f9'\nTry: one of auc, " in ran.err
