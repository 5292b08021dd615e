"""`xpcnn resume` and `xpcnn replay`: runs that are broken off, full disks, runs that diverge."""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy
import pytest

import xpcnn
from tests.cli.conftest import Cli
from tests.cli.process import run, start
from tests.waiting import PATIENCE, wait_for_lines
from xpcnn.model_loading import load_model
from xpcnn.training import Checkpoints
from xpcnn.types import flatten

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits as POSIX has them")

RUN = ("train", "--limit", "300", "--epochs", "3", "--batch-size", "32", "--augment", "shift")
OFTEN = ("--checkpoint-steps", "2", "--validate-every", "4")


def stopped(how: str, *arguments: str | Path) -> tuple[int, str]:
    """Run `xpcnn`, which gets a signal at its update 14; return exit code and stderr."""
    process = start(how, "0", "14", *arguments, module="tests.group.failing")
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run from its start to its end."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    assert run(*RUN, *OFTEN, "--out", folder)[0] == 0
    return folder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the same run, killed between its first validation and its end."""
    folder = tmp_path_factory.mktemp("runs") / "killed"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.parent)
        code, _ = stopped("kill", *RUN, *OFTEN, "--out", folder)
    assert code == -signal.SIGKILL
    assert not (folder / "model.safetensors").exists()
    return folder


@pytest.fixture
def broken_off(killed: Path) -> Path:
    """Return a copy of the killed run, to change: the folder `run`."""
    return Path(shutil.copytree(killed, "run"))


def digest(folder: str | Path) -> str:
    """Return the SHA-256 of a run's model; all runs compared are processes of their own."""
    return hashlib.sha256(Path(folder, "model.safetensors").read_bytes()).hexdigest()


def test_a_killed_run_ends_as_if_nothing_had_happened(straight: Path, broken_off: Path) -> None:
    """tests/kill_check.py does this fifty times, with more that could go wrong."""
    code, out, err = run("resume", broken_off, "--json")
    assert code == 0
    assert "note: resumed after update " in err
    assert digest(straight) == digest(broken_off)
    figures = [
        [{k: v for k, v in json.loads(line).items() if "second" not in k} for line in lines]
        for lines in (
            (folder / "metrics.jsonl").read_text().splitlines() for folder in (straight, broken_off)
        )
    ]
    assert figures[0] == figures[1]
    assert len(json.loads(out)["epochs"]) == 3


def test_an_interrupted_run_goes_on_in_another_place_and_environment(straight: Path) -> None:
    code, err = stopped("term", *RUN, *OFTEN, "--out", "run")
    assert code == 143
    assert "to resume: xpcnn resume run\n" in err
    shutil.move("run", "elsewhere")
    assert run("resume", "elsewhere", "--quiet", XPCNN_EPOCHS="9", XPCNN_SEED="9") == (0, "", "")
    assert digest(straight) == digest("elsewhere")


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
    for folder, advice in (("run", "the folder run"), (".", "a folder that `xpcnn train` made, ")):
        path = Path(folder, "model.safetensors")
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


def test_a_run_with_other_data_is_refused(cli: Cli, broken_off: Path) -> None:
    config = broken_off / "config.toml"
    config.write_text(config.read_text().replace("limit = 300", "limit = 299"))
    ran = cli("resume", "run")
    assert ran.code == 1
    assert "error: the checkpoint belongs to another run: the training data changed (" in ran.err
    assert "\nTry: the options of that run, or another folder\n" in ran.err


def limited(size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `xpcnn` in a process that may write no file larger than `size` bytes."""
    process = start(
        *arguments, limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    )
    out, err = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_a_full_disk_loses_nothing(straight: Path, broken_off: Path) -> None:
    """Checkpoints that do not fit are said and the run goes on; what is there is untouched."""
    kept = {path: path.read_bytes() for path in Path("run/checkpoints").glob("step-*")}
    ran = limited(20_000, "resume", "run")
    assert ran.returncode == 1
    assert "note: no checkpoint after update " in ran.stderr
    assert "run/model.safetensors cannot be written: File too large\nTry: a higher" in ran.stderr
    assert {path: path.read_bytes() for path in Path("run/checkpoints").glob("[!.]*")} == kept
    assert run("resume", "run")[0] == 0
    assert digest(straight) == digest(broken_off)


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
        "error: run has no update to repeat: a run that diverges saves it as "
        "run/checkpoints/not-finite.safetensors\nTry: xpcnn report run\n",
    )


def test_an_interrupt_before_it_goes_on_changes_nothing(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stopped("int", *RUN, *OFTEN, "--out", "run")[0] == 130
    before = Path("run/model.safetensors").read_bytes()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xpcnn.training.run.Run.resume", interrupt)
    assert cli("resume", "run").code == 130
    assert Path("run/model.safetensors").read_bytes() == before


def test_a_second_signal_does_not_break_off_the_checkpoint(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Checkpoints.write

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def slow(*args: Any) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        return write(*args)

    monkeypatch.setattr(Checkpoints, "write", slow)
    monkeypatch.setattr("xpcnn.cli.run_record.Journal.on_epoch_end", interrupted)
    assert cli(*RUN, "--out", "run").code == 130
    assert len(list(Path("run/checkpoints").glob("step-*"))) == 1


def test_one_process_at_a_time(cli: Cli) -> None:
    process = start(*RUN, "--epochs", "99999", "--out", "run")
    wait_for_lines(process, Path("run/metrics.jsonl"), 1)
    ran = cli("resume", "run")
    process.kill()
    process.communicate()
    assert (ran.code, ran.err.splitlines()[-2:]) == (
        1,
        ["error: another process is working on run", "Try: wait for it to end, or end it"],
    )


def test_a_run_out_of_time_goes_on_with_more(cli: Cli) -> None:
    assert cli(*RUN, "--out", "straight").code == 0
    assert cli(*RUN, "--max-seconds", "1e-9", "--checkpoint-steps", "1", "--out", "run").code == 0
    ran = cli("resume", "run")
    assert ran.code == 0
    assert ran.err.splitlines()[1].endswith("; to resume: a larger --max-seconds")
    assert cli("resume", "run", "--max-seconds", "600").code == 0
    weights = [
        flatten(load_model(f"{run}/model.safetensors").params) for run in ("straight", "run")
    ]
    assert all((weights[0][name] == x).all() for name, x in weights[1].items())


@pytest.mark.usefixtures("broken_off")
def test_the_environment_is_not_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPCNN_MAX_SECONDS", "1e-9")
    monkeypatch.setenv("XPCNN_QUIET", "1")
    ran = cli("resume", "run")
    assert ran.code == 0
    assert "test accuracy" in ran.err
    assert "seconds are over" not in ran.err


@pytest.mark.usefixtures("broken_off")
def test_a_damaged_model_of_a_broken_off_run_stops_nothing(cli: Cli) -> None:
    Path("run/model.safetensors").write_bytes(b"half")
    ran = cli("resume", "run")
    assert ran.code == 0
    assert ran.err.startswith("note: run/model.safetensors is not a complete safetensors file")
    assert load_model("run/model.safetensors").provenance["metrics"]["test"] is not None


@pytest.mark.parametrize(
    "flags",
    [
        ("--checkpoint-steps", "0"),
        ("--patience", "3", "--validation", "0"),
        ("--freeze", "foo*"),
    ],
)
def test_what_is_refused_leaves_no_folder(cli: Cli, flags: tuple[str, ...]) -> None:
    assert cli(*RUN, *flags, "--out", "run").code == 1
    assert cli(*RUN, *flags, "--dry-run").code == 1
    assert list(Path().iterdir()) == []


def test_data_by_a_relative_path_and_another_folder(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = xpcnn.data.load("digits", limit=300)
    numpy.savez(
        "own.npz",
        images=train.images,
        labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
    )
    code, _ = stopped("kill", *RUN, *OFTEN, "--dataset", "own.npz", "--out", "run")
    assert code == -signal.SIGKILL
    Path("deeper").mkdir()
    monkeypatch.chdir("deeper")
    assert cli("resume", "../run", "--max-seconds", "1e-9").code == 0
