"""Run folders: each is for one run, also where two start at the same moment."""

import os
import shutil
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.process import TINY, run, start
from tests.waiting import PATIENCE
from xpcnn.cli.run_folder import new_run
from xpcnn.cli.run_record import Journal
from xpcnn.errors import ConfigError
from xpcnn.model_loading import load_model
from xpcnn.training import Epoch, History


def test_two_new_runs_in_one_folder_before_either_has_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with new_run(str(folder), "digits", "digits"):
        with pytest.raises(ConfigError) as caught, new_run(str(folder), "digits", "digits"):
            pass
        assert str(caught.value).startswith(f"another process is working on {folder}\nTry: ")


def test_a_folder_in_which_a_run_died_before_its_first_file(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for _ in range(2):
        with new_run(str(folder), "digits", "digits") as made:
            assert made == folder


def test_of_two_runs_that_start_at_once_one_is_whole_and_one_is_rejected() -> None:
    runs = [start("train", *TINY, "--seed", str(seed), "--out", "run") for seed in (1, 2)]
    errors = [process.communicate(timeout=PATIENCE)[1] for process in runs]
    assert sorted(process.returncode for process in runs) == [0, 1]
    won = 1 if runs[0].returncode == 0 else 2
    assert load_model("run/model.safetensors").seed == won
    assert tomllib.loads(Path("run/config.toml").read_text())["seed"] == won
    lost = errors[2 - won]
    assert "error: another process is working on run\n" in lost or "error: run is not empty" in lost


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system takes no space ahead")
def test_a_disk_without_space_for_the_model_is_told_before_the_first_epoch() -> None:
    import resource  # POSIX has it

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = start("train", *TINY, "--out", "run", limits=small_files)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    error = "error: run/model.safetensors cannot be written: File too large\nTry: a higher limit"
    assert err.startswith(error)
    assert run("train", *TINY, "--out", "run")[0] == 0  # the folder is as it was


def test_a_run_never_overwrites_another(cli: Cli, trained: Path) -> None:
    before = (trained / "model.safetensors").read_bytes()
    ran = cli("train", "--limit", "50", "--epochs", "1", "--out", trained)
    message = f"error: {trained} is not empty, and a run never overwrites another\n"
    assert ran == (1, "", message + "Try: --out with a new name\n")
    assert (trained / "model.safetensors").read_bytes() == before


def test_a_run_folder_that_cannot_be_made(cli: Cli) -> None:
    Path("file").write_text("in the way")
    for out, message in (
        ("file", "file is a file\nTry: --out with the name of a folder"),
        (
            "file/run",
            "the run folder file/run cannot be made: Not a directory\n"
            "Try: --out with a folder that may be written",
        ),
    ):
        ran = cli("train", "--limit", "50", "--epochs", "1", "--out", out)
        assert (ran.code, ran.out, ran.err) == (1, "", f"error: {message}\n")


def test_a_journal_that_cannot_be_written_for_a_while(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    journal, history = Journal(folder), History()
    journal.on_start(history, 0, 27)
    shutil.rmtree(folder)
    for epoch in (1, 2):
        history.epochs.append(Epoch(epoch, 0.5, 0.5, None, None, 0.1, 1.0, 50.0, 9 * epoch))
        journal.on_epoch_end(history.epochs[-1])
        folder.mkdir(exist_ok=True)
    said = f"note: {journal.path} cannot be written: No such file or directory\n"
    assert capsys.readouterr().err == said
    assert journal.path.read_text().count("\n") == 2
