"""`xpcnn resume` and `xpcnn replay`: runs that are broken off, full disks, runs that diverge."""

import json
import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.process import start
from tests.cli.test_interrupt import wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits as POSIX has them")

RUN = ("train", "--limit", "300", "--epochs", "3", "--batch-size", "32", "--augment", "shift")
OFTEN = ("--checkpoint-steps", "2", "--validate-every", "4")


def test_a_killed_run_ends_as_if_nothing_had_happened(cli: Cli) -> None:
    """tests/kill_check.py does this fifty times, with more that could go wrong."""
    assert cli(*RUN, *OFTEN, "--out", "straight").code == 0
    process = start(*RUN, *OFTEN, "--out", "killed")
    wait_for(process, Path("killed/metrics.jsonl"), 3)
    process.kill()
    process.communicate()
    assert not Path("killed/model.safetensors").exists()
    ran = cli("resume", "killed", "--json")
    assert ran.code == 0
    assert "note: resumed after update " in ran.err
    straight, resumed = (Path(run, "model.safetensors") for run in ("straight", "killed"))
    assert straight.read_bytes() == resumed.read_bytes()
    figures = [
        [{k: v for k, v in json.loads(line).items() if "second" not in k} for line in lines]
        for lines in (
            Path(run, "metrics.jsonl").read_text().splitlines() for run in ("straight", "killed")
        )
    ]
    assert figures[0] == figures[1]
    assert len(json.loads(ran.out)["epochs"]) == 3


def test_an_interrupted_run_goes_on_in_another_place_and_environment(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli(*RUN, "--out", "straight").code == 0
    process = start(*RUN, "--epochs", "3", "--out", "run")
    wait_for(process, Path("run/metrics.jsonl"), 1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "to go on: xpcnn resume run\n" in err
    shutil.move("run", "elsewhere")
    monkeypatch.setenv("XPCNN_EPOCHS", "9")
    monkeypatch.setenv("XPCNN_SEED", "9")
    assert cli("resume", "elsewhere", "--quiet") == (0, "", "")
    straight, resumed = (Path(run, "model.safetensors") for run in ("straight", "elsewhere"))
    assert straight.read_bytes() == resumed.read_bytes()


def test_a_finished_run_is_finished(cli: Cli) -> None:
    assert cli(*RUN, "--epochs", "1", "--out", "run").code == 0
    before = Path("run/model.safetensors").read_bytes()
    ran = cli("resume", "run", "--json")
    assert ran.code == 0
    assert ran.err.startswith("run is finished: test accuracy 0.")
    assert set(json.loads(ran.out)["test"]) == {"loss", "accuracy"}
    assert Path("run/model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("folder", "what"), [("nowhere", "there is no such folder"), (".", "it has no config.toml")]
)
def test_no_run_folder(cli: Cli, folder: str, what: str) -> None:
    assert cli("resume", folder) == (
        1,
        "",
        f"error: {folder} is not a run folder: {what}\n"
        "Try: a folder that `xpcnn train` made, such as runs/...\n",
    )


def test_a_file_is_no_run_folder(cli: Cli) -> None:
    said = "is not a run folder: it is a file\nTry: "
    for run, advice in (("run", "the folder run"), (".", "a folder that `xpcnn train` made, ")):
        path = Path(run, "model.safetensors")
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        Path("run/config.toml").write_text("limit = 60")
        ran = cli("resume", path)
        assert (ran.code, ran.err.startswith(f"error: {path} {said}{advice}")) == (1, True)


def test_a_limit_that_is_wrong(cli: Cli) -> None:
    Path("run").mkdir()
    Path("run/config.toml").write_text("dataset = 'digits'\nlimit = 60")
    assert cli("resume", "run", "--max-seconds", "-1") == (
        1,
        "",
        "error: --max-seconds -1: max-seconds must be a finite number > 0, got -1\n"
        "Try: --max-seconds 60\n",
    )


def test_a_run_with_other_data_is_refused(cli: Cli) -> None:
    process = start(*RUN, *OFTEN, "--out", "run")
    wait_for(process, Path("run/metrics.jsonl"), 2)
    process.kill()
    process.communicate()
    config = Path("run/config.toml")
    config.write_text(config.read_text().replace("limit = 300", "limit = 299"))
    ran = cli("resume", "run")
    assert ran.code == 1
    assert "error: the checkpoint belongs to another run: data is " in ran.err
    assert "\nTry: the same as then, or another folder for a new run\n" in ran.err


def limited(size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `xpcnn` in a process that may write no file larger than `size` bytes."""
    process = start(
        *arguments, limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    )
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_a_full_disk_loses_nothing(cli: Cli) -> None:
    """Checkpoints that do not fit are said and the run goes on; what is there is untouched."""
    assert cli(*RUN, *OFTEN, "--out", "straight").code == 0
    process = start(*RUN, *OFTEN, "--out", "run")
    wait_for(process, Path("run/metrics.jsonl"), 3)
    process.kill()
    process.communicate()
    kept = {path: path.read_bytes() for path in Path("run/checkpoints").glob("step-*")}
    ran = limited(20_000, "resume", "run")
    assert ran.returncode == 1
    assert "note: no checkpoint after update " in ran.stderr
    assert "run/model.safetensors cannot be written: File too large\nTry: a higher" in ran.stderr
    assert {path: path.read_bytes() for path in Path("run/checkpoints").iterdir()} == kept
    assert cli("resume", "run").code == 0
    straight, resumed = (Path(run, "model.safetensors") for run in ("straight", "run"))
    assert straight.read_bytes() == resumed.read_bytes()


def test_replay_of_a_run_that_diverged(cli: Cli) -> None:
    ran = cli(*RUN, "--lr", "1e30", "--out", "run")
    assert ran.code == 1
    said, advice = ran.err.split("error: ")[1].split("\nTry: ")
    assert "; xpcnn replay run/checkpoints/not-finite.safetensors repeats the update" in advice
    found = cli("replay", "run").out
    assert found.startswith("the output of layers.")
    assert said.startswith(f"training diverged: {found.strip()}, at update ")
    assert cli("replay", "run/checkpoints/not-finite.safetensors").out == found
    assert cli("replay", "run", "--backend", "array_api_strict").out.startswith("the output of")


def test_replay_of_a_run_that_did_not(cli: Cli) -> None:
    assert cli(*RUN, "--epochs", "1", "--out", "run").code == 0
    ran = cli("replay", "run")
    assert (ran.code, ran.err) == (
        1,
        "error: run/checkpoints/not-finite.safetensors: there is no such file\n"
        "Try: check the path\n",
    )
