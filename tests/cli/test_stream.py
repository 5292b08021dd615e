"""Training, evaluating and predicting on pictures that stay on disk."""

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cli.conftest import Cli
from tests.data.small_pictures import picture
from xpcnn.data.streams import stream_parts

pytest.importorskip("PIL.Image", reason="Pillow is not installed")

RUN = ("train", "--dataset", "photos", "--model", "tiny", "--epochs", "2", "--schedule", "constant")


@pytest.fixture(autouse=True)
def _photos(_alone: None) -> None:
    rng = numpy.random.default_rng(0)
    for name in ("cat", "dog"):
        for i in range(25):
            picture(Path("photos", name, f"{i}.png"), rng.integers(0, 256, (8, 8)))


def test_commands_work_on_a_stream(cli: Cli) -> None:
    ran = cli(*RUN, "--stream", "yes", "--out", "run", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    config = tomllib.loads(Path("run/config.toml").read_text())
    assert config["stream"] == "yes"
    again = json.loads(cli("train", "--config", "run/config.toml", "--out", "b", "--json").out)
    assert (again["epochs"][1]["loss"], again["test"]) == (told["epochs"][1]["loss"], told["test"])
    evaluated = json.loads(cli("evaluate", "run", "--json").out)  # as the run was
    assert {name: evaluated[name] for name in ("loss", "accuracy")} == told["test"]
    every = json.loads(cli("evaluate", "run", "--part", "all", "--json").out)
    assert every["images"] == 50
    read = json.loads(cli("evaluate", "run", "--part", "all", "--stream", "no", "--json").out)
    assert {name: read[name] for name in ("loss", "accuracy")} == {
        name: pytest.approx(every[name]) for name in ("loss", "accuracy")
    }
    assert cli("predict", "run", "--dataset", "photos", "--rows", "0:3").code == 0
    assert cli("evaluate", "run", "--details").code == 0
    ran = cli("resume", "run", "--epochs", "3", "--json")
    assert ran.code == 0, ran.err
    resumed = json.loads(ran.out)
    straight = json.loads(cli(*RUN, "--stream", "yes", "--epochs", "3", "--json").out)
    figures: list[dict[str, Any]] = [run["epochs"][-1] for run in (resumed, straight)]
    assert figures[0]["loss"] == figures[1]["loss"]


def test_it_is_told_once_and_recorded(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_parts, "STREAM_FROM", 1000)
    ran = cli(*RUN, "--out", "run")
    assert ran.err.count("note: 50 pictures would take 0.0 GB of memory, so they are decoded") == 1
    assert "(--stream no reads them all first" in ran.err
    assert ran.err.count("note: parts are set aside by hashes of the names of the pictures;") == 1
    assert tomllib.loads(Path("run/config.toml").read_text())["stream"] == "yes"


def test_parts_are_those_of_the_run(cli: Cli) -> None:
    assert cli(*RUN, "--out", "run").code == 0  # parts by pixels; those of a stream go by names
    ran = cli("evaluate", "run", "--stream", "yes")
    assert ran.code == 1
    assert "photos into other parts than the run, which read all images first\nTry: " in ran.err
    assert cli("evaluate", "run", "--stream", "no").code == 0
    assert cli("evaluate", "run", "--stream", "yes", "--part", "all").code == 0


def test_damaged_pictures(cli: Cli) -> None:
    for i in (3, 4):
        Path(f"photos/cat/{i}.png").write_bytes(b"")
    ran = cli(*RUN, "--stream", "yes")
    assert ran.code == 1
    assert "error: photos/cat/3.png: is empty\nTry: fix or remove it, or --skip-dam" in ran.err
    ran = cli(*RUN, "--stream", "yes", "--skip-damaged", "--out", "run", "--json")
    assert ran.code == 0, ran.err
    note = "damaged pictures left out, each with another of its class in its place: 2; the first: "
    assert f"note: {note}photos/cat/" in ran.err
    assert json.loads(ran.out)["notes"][-1].startswith(note)


def test_stream_is_yes_or_no(cli: Cli) -> None:
    ran = cli(*RUN, "--stream", "perhaps")
    assert (ran.code, "--stream" in ran.err) == (2, True)
    ran = cli("train", "--dataset", "digits", "--stream", "yes")
    assert "stream is given, but the data set digits is in memory\nTry: leave --stream" in ran.err
