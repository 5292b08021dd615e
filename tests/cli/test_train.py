"""`xpcnn train`: what it prints, where, and what it keeps."""

import json
import re
import tomllib
from pathlib import Path

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli, numpy_backend
from tests.cli.process import TINY, run
from xpcnn import backend
from xpcnn.data.reading import Drawn
from xpcnn.model_loading import load_model
from xpcnn.types import flatten

FILES = [
    ".lock",
    "checkpoints",
    "config.toml",
    "environment.json",
    "metrics.jsonl",
    "model.safetensors",
    "model.toml",
]
EPOCH = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds", "images_per_second"]


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    model = load_model(folder / "model.safetensors")
    return flatten(model.params) | flatten(model.buffers, "buffers.")


def test_kernels_that_are_off_are_told_once(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    told = ["compiling kernels, once: some seconds", "note: the kernels are NumPy's, since"]
    monkeypatch.setattr(numpy_backend.NumPyLibrary, "warm_up", lambda self: iter(told))
    ran = cli("train", *TINY)
    assert ran.err.splitlines()[:2] == told
    assert ran.err.count("kernels") == 2
    assert cli("train", *TINY, "--quiet").err == ""


def test_words_go_to_stderr_and_a_run_folder_is_named(cli: Cli) -> None:
    ran = cli("train", *TINY)
    assert (ran.code, ran.out) == (0, "")
    lines = ran.err.splitlines()
    (folder,) = Path("runs").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}-digits-digits", folder.name)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert re.fullmatch(
        r"digits \([\d,]+ parameters\) on digits \(\d+ images, \d+ for validation\), numpy on cpu",
        lines[0],
    )
    number = r"\d+\.\d{4}"
    for i, line in enumerate(lines[1:3], start=1):
        assert re.fullmatch(
            rf"epoch {i}  loss {number}  accuracy {number}  val loss {number}  "
            rf"val accuracy {number}  \d+\.\d\d s  [\d,]+ images/s",
            line,
        )
    assert re.fullmatch(
        rf"test accuracy {number}, loss {number} \(355 images; \d+\.\d s in all\)", lines[3]
    )
    assert lines[4:] == [
        f"run folder: {folder}",
        f"report: xpcnn report {folder}",
        f"next: xpcnn predict {folder} --rows 0:10",
    ]


def test_the_next_command_works(cli: Cli) -> None:
    command = cli("train", *TINY).err.splitlines()[-1].removeprefix("next: xpcnn ").split()
    ran = cli(*command)
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 10


def test_json_is_one_object_on_stdout() -> None:
    code, out, err = run("train", *TINY, "--json", "--out", "run")
    assert code == 0
    assert out.count("\n") == 1
    result = json.loads(out)
    assert list(result) == [
        *("run_dir", "backend", "device", "dtype", "dataset", "model", "parameters", "epochs"),
        *("notes", "test", "seconds", "peak_memory_mb"),
    ]
    assert [list(epoch) for epoch in result["epochs"]] == [EPOCH, EPOCH]
    assert list(result["test"]) == ["loss", "accuracy"]
    assert (result["run_dir"], result["backend"], result["device"]) == ("run", "numpy", "cpu")
    assert (result["dtype"], result["dataset"], result["model"]) == ("float32", "digits", "digits")
    assert 1_000 < result["parameters"] < 1_000_000
    assert 0.0 < sum(epoch["seconds"] for epoch in result["epochs"]) < result["seconds"]
    assert 20 < result["peak_memory_mb"] < 2_000
    assert 0.3 < result["test"]["accuracy"] <= 1.0
    assert err.count("epoch ") == 2  # a line each, no bar in a pipe
    assert "\r" not in err
    logged = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [{name: epoch[name] for name in EPOCH} for epoch in logged] == result["epochs"]


def test_quiet_says_nothing(cli: Cli) -> None:
    assert cli("train", *TINY, "--quiet", "--out", "run") == (0, "", "")
    assert len(Path("run/metrics.jsonl").read_text().splitlines()) == 2


def test_without_validation(cli: Cli) -> None:
    ran = cli("train", *TINY, "--validation", "0", "--json", "--out", "run")
    epoch = json.loads(ran.out)["epochs"][0]
    assert (epoch["val_loss"], epoch["val_accuracy"]) == (None, None)
    assert "(600 images, none for validation)" in ran.err
    assert "val loss" not in ran.err


def test_validation_never_comes_from_the_test_part(cli: Cli) -> None:
    ran = cli("train", "--epochs", "1", "--validation", "0.25", "--out", "run")
    train, _ = xpcnn.data.load("digits")
    kept, aside = xpcnn.data.split(train, 0.25, 0)
    assert aside is not None
    assert f"({len(kept):,} images, {len(aside)} for validation)" in ran.err
    assert len(kept) + len(aside) == len(train)


def test_the_configuration_repeats_the_run(cli: Cli) -> None:
    flags = ["--lr", "0.02", "--schedule", "cosine", "--clip-norm", "1", "--seed", "7"]
    flags += ["--limit-per-class", "20", "--classes", "3,8,1", "--batch-size", "16"]
    flags += ["--augment", "crop,cutout"]
    assert cli("train", *flags, "--epochs", "2", "--out", "one").code == 0
    config = tomllib.loads(Path("one/config.toml").read_text())
    training = config.pop("training")
    assert config == {
        "backend": "numpy",
        "dataset": "digits",
        "limit-per-class": 20,
        "classes": "3,8,1",
        "model": "model.toml",
        "seed": 7,
        "dtype": "float32",
        "validation": 0.1,
        "checkpoint-seconds": 60.0,
    }
    assert (training["epochs"], training["batch_size"], training["clip_norm"]) == (2, 16, 1.0)
    assert training["optimizer"]["lr"] == 0.02
    assert training["schedule"]["name"] == "cosine"
    assert [table["name"] for table in training["augment"]] == ["crop", "cutout"]
    again = ("--config", "one/config.toml")
    assert cli("train", *again, "--out", "two").code == 0
    one, two = weights(Path("one")), weights(Path("two"))
    assert list(one) == list(two)
    for name in one:
        numpy.testing.assert_array_equal(one[name], two[name])
    third = cli("train", *again, "--seed", "8", "--out", "three")
    assert third.code == 0
    assert any((one[name] != x).any() for name, x in weights(Path("three")).items())


def test_what_the_model_file_knows(trained: Path) -> None:
    model = load_model(trained / "model.safetensors")
    train, _ = xpcnn.data.load("digits", limit=600)
    kept, _ = xpcnn.data.split(train, 0.1, 0)
    assert model.reading == Drawn((8, 8), 0.0, 16.0, "dark", extent=1.0)
    assert (model.classes, model.mean) == (train.classes, train.mean)
    provenance = model.provenance
    assert provenance["xpcnn"] == xpcnn.__version__
    assert provenance["data"] == "digits"
    assert provenance["data_hash"] == kept.digest()
    assert provenance["config"] == tomllib.loads((trained / "config.toml").read_text())
    last = json.loads((trained / "metrics.jsonl").read_text().splitlines()[-1])
    times = ("lr", "images_per_second", "step")  # equal runs give equal files
    kept_figures = {n: x for n, x in last.items() if n not in times and "seconds" not in n}
    assert provenance["metrics"]["last_epoch"] == kept_figures
    _, test = xpcnn.data.load("digits")
    assert provenance["metrics"]["test"] == model.evaluate(test)


def test_the_environment_of_a_run(trained: Path) -> None:
    facts = json.loads((trained / "environment.json").read_text())
    assert facts["xpcnn"] == xpcnn.__version__
    assert facts["packages"]["numpy"] == numpy.__version__
    assert facts["processes"] == 1
    assert facts["backend"]["name"] == "numpy"
    assert facts["backend"]["kernels"] == backend.load("numpy").describe()["kernels"]
    assert facts["backend"]["dtypes"] == "float32, float64, float16"


def test_another_library_trains_the_same(cli: Cli, trained: Path) -> None:
    flags = ("--backend", "array_api_strict", "--device", "cpu", "--limit", "100", "--epochs", "1")
    pytest.importorskip("array_api_strict", reason="array_api_strict is not installed")
    ran = cli("train", *flags[:2], *flags[4:], "--json", "--out", "strict")
    assert ran.code == 0, ran.err
    strict = json.loads(ran.out)
    assert strict["backend"] == "array_api_strict"
    numpys = json.loads(cli("train", *flags[4:], "--json", "--out", "numpy").out)
    assert strict["epochs"][0]["loss"] == pytest.approx(numpys["epochs"][0]["loss"], rel=1e-5)


def test_two_runs_of_one_second_have_two_folders(cli: Cli) -> None:
    for _ in range(3):
        assert cli("train", "--limit", "50", "--epochs", "1", "--quiet").code == 0
    assert len(list(Path("runs").iterdir())) == 3


def test_numbers_that_json_lacks_become_null(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    infinite = {"loss": float("inf"), "accuracy": 0.5}
    monkeypatch.setattr(xpcnn.Model, "evaluate", lambda self, data, **more: infinite)
    ran = cli("train", *TINY, "--json", "--out", "run")
    assert json.loads(ran.out)["test"] == {"loss": None, "accuracy": 0.5}
    metrics = load_model("run/model.safetensors").provenance["metrics"]
    assert metrics["test"] == {"loss": None, "accuracy": 0.5}
