"""How a command starts several processes, without starting them; `tests/group` does that."""

import os
import sys
from importlib import import_module
from typing import Any

import pytest

from tests.cli.conftest import Cli
from xpcnn import engines
from xpcnn.cli import processes


class Launched(Exception):
    """The process was replaced."""


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands by which processes would be replaced."""
    commands: list[list[str]] = []

    def execve(path: str, command: list[str], environment: dict[str, str]) -> Any:
        commands.append([*command, str(environment.get("XPCNN_ENGINE"))])
        raise Launched

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setattr(processes, "_mpiexec", lambda: "/mpi/mpiexec")
    return commands


@pytest.mark.parametrize("given", [["--processes", "4"], ["--processes=4"]])
def test_mpiexec_runs_the_same_command(
    given: list[str], launches: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["xpcnn", "train", "--epochs", "3", *given, "--quiet"])
    with pytest.raises(Launched):
        processes.launch(4, None)
    own = [sys.executable, "-m", "xpcnn", "train", "--epochs", "3", "--quiet"]
    assert launches == [["/mpi/mpiexec", "-n", "4", *own, "mpi"]]


def test_torchrun_runs_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which ends as the one that failed."""
    commands: list[tuple[int, list[str]]] = []

    def torchrun(count: int, command: list[str]) -> int:
        commands.append((count, command))
        return 143

    monkeypatch.setattr(engines, "torchrun", torchrun)
    monkeypatch.setenv("XPCNN_PROCESSES", "2")
    arguments = ["resume", "run", "--processes", "2", "--engine", "torch"]
    monkeypatch.setattr(sys, "argv", ["xpcnn", *arguments])
    with pytest.raises(SystemExit) as ended:
        processes.launch(2, "torch")
    assert ended.value.code == 143
    assert commands == [(2, ["-m", "xpcnn", "resume", "run", "--engine", "torch"])]
    assert "XPCNN_PROCESSES" not in os.environ


def test_torchrun_without_pytorch(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    code, _, err = cli("train", "--processes", "2", "--engine", "torch")
    assert (code, "engine 'torch': PyTorch is not installed" in err) == (1, True)


def test_no_number_of_processes(cli: Cli) -> None:
    code, _, err = cli("train", "--processes", "0")
    assert (code, "processes" in err, "Try: " in err) == (1, True, True)


def test_folds_are_trained_one_process_each(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    class Two:
        rank, size = 0, 2

    monkeypatch.setattr(import_module("xpcnn.cli.folds"), "group_of", lambda engine: Two())
    code, _, err = cli("train", "--folds", "3")
    assert (code, "the folds of a cross-validation" in err) == (1, True)


def test_one_process_has_nothing_to_sum_with(cli: Cli) -> None:
    code, _, err = cli("bench", "--communication")
    assert (code, "one process has no other to sum with" in err) == (1, True)
