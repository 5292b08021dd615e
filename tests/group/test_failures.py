"""How runs under mpiexec and torchrun end: after failures, signals, a hang, a divergence."""

import platform
import re
import signal
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.cli.process import run
from tests.group.launching import (
    FLAGS,
    HOSTS,
    LAUNCHERS,
    LONG,
    MPI,
    TORCHRUN,
    ended,
    launched,
    needs_mpi,
    needs_torch,
    start,
    two_machines,
)
from tests.waiting import wait_until
from xpcnn.io.tensor_file import read

PROCESSES = [
    *(sys.executable, "-c"),
    "import sys; from xpcnn import engines; sys.exit(engines.torchrun(2, sys.argv[1:]))",
]
"""What `xpcnn train --processes 2 --engine torch` does with its own command."""

ENDS = pytest.mark.parametrize(
    ("launcher", "engine"),
    [
        pytest.param(MPI, "mpi", marks=needs_mpi, id="mpiexec"),
        pytest.param(HOSTS, "mpi", marks=needs_mpi, id="mpiexec-on-two-machines"),
        pytest.param(TORCHRUN, "torch", marks=needs_torch, id="torchrun"),
        pytest.param(PROCESSES, "torch", marks=needs_torch, id="processes"),
    ],
)

pytestmark = pytest.mark.usefixtures("own_folder")


KILLED = "forcefully exiting via"
"""What torchrun says when it kills a process that hangs, 30 seconds after it sent SIGTERM."""


@ENDS
@pytest.mark.parametrize(
    ("how", "rank", "message", "code"),
    [
        ("raise", 0, "process 0: error: unexpected ValueError: a planted error", 1),
        ("memory", 1, "process 1: error: not enough memory: a planted lack of memory", 1),
        ("exit", 1, "error: process 1 on {host} ended without an error message", 7),
        ("kill", 0, "error: process 0 on {host} ended without an error message", 128 + 9),
    ],
)
def test_one_that_fails_ends_all(
    launcher: list[Any], engine: str, how: str, rank: int, message: str, code: int
) -> None:
    arguments = ("-m", "tests.group.failing", how, str(rank), "5", *LONG, "--engine", engine)
    found, _, err = launched(launcher, *arguments)
    assert KILLED not in err
    assert found == (code if launcher == PROCESSES else 1), err
    assert err.count(message.format(host=platform.node())) == 1, err
    assert len(re.findall(r"\berror: ", err)) == 1, err
    if launcher == TORCHRUN:
        root = re.search(r"Root Cause.*?rank *: (\d)", err, re.DOTALL)
        assert root is not None
        assert root[1] == str(rank), err
    read("run/checkpoints/step-000000004.safetensors")  # raises if it is not whole
    assert not Path("run/model.safetensors").exists()


@needs_mpi
def test_one_that_is_killed_is_named_without_the_file_of_hydra() -> None:
    """With -pmi-port processes are connected to mpiexec by an address."""
    arguments = ("-m", "tests.group.failing", "kill", "1", "5", *LONG, "--engine", "mpi")
    code, _, err = launched([MPI[0], "-pmi-port", *MPI[1:]], *arguments)
    assert code == 1, err
    assert err.count(f"error: process 1 on {platform.node()} ended without an error message") == 1


def test_the_connection_to_a_launcher_is_found_by_its_address() -> None:
    """Of the open files; one that the watcher does not hold too lets Hydra kill the watcher."""
    module: Any = import_module("xpcnn.backends.engine_watcher")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"localhost:{server.getsockname()[1]}"
        assert module._connected_to(address) == subprocess.DEVNULL
        with socket.create_connection(server.getsockname()) as connection:
            assert module._connected_to(address) == connection.fileno()
            connection.getpeername()  # still open
    assert module._connected_to("") == subprocess.DEVNULL


@needs_torch
def test_one_that_fails_on_another_machine_ends_all() -> None:
    """Two of torchrun, which do not hear of each other's processes."""
    arguments = ("-m", "tests.group.failing", "exit", "1", "5", *LONG, "--engine", "torch")
    processes = [start(launcher, *arguments) for launcher in two_machines()]
    codes, _, errs = zip(*(ended(process) for process in processes), strict=True)
    assert KILLED not in errs[0] + errs[1]
    assert codes == (1, 1), errs
    assert errs[1].count("error: process 1 on ") == 1
    assert errs[0].count("process 0 ends, since it cannot sum with others: ") == 1


@ENDS
@pytest.mark.parametrize(("how", "code"), [("int", 130), ("term", 143), ("twice", 143)])
def test_a_signal_to_one_saves_and_ends_all(
    launcher: list[Any], engine: str, how: str, code: int
) -> None:
    arguments = ("-m", "tests.group.failing", how, "1", "5", *LONG, "--engine", engine)
    found, _, err = launched(launcher, *arguments)
    assert found == (1 if launcher == TORCHRUN else code)  # torchrun has an exit code of its own
    assert err.count("saved the model of the last step: run/model.safetensors") == 1
    assert Path("run/checkpoints/step-000000005.safetensors").is_file()


@ENDS
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_to_the_launcher_saves(
    launcher: list[Any], engine: str, name: str, code: int
) -> None:
    arguments = ("-m", "tests.group.failing", "nothing", "0", "0", *LONG, "--engine", engine)
    process = start(launcher, *arguments)
    wait_until(Path("run/checkpoints/step-000000005.safetensors").exists, process)
    process.send_signal(signal.Signals[name])
    found, _, err = ended(process)
    assert found == (1 if launcher == TORCHRUN else code), err
    assert err.count("saved the model of the last step") == 1


@LAUNCHERS
def test_one_that_hangs_ends_all_after_the_patience(launcher: list[Any], engine: str) -> None:
    """The processes start together (see `failing`): one that comes late would be waited for."""
    arguments = ("-m", "tests.group.failing", "freeze", "1", "5", *LONG, "--engine", engine)
    code, _, err = launched(launcher, *arguments, XPCNN_TIMEOUT="10")
    assert Path("failed").exists()
    assert code != 0
    assert "error: process 0 waited 10 seconds for another process" in err
    assert (KILLED in err) == (launcher == TORCHRUN)


@needs_mpi
def test_other_weights_in_one_process_are_found() -> None:
    arguments = ("-m", "tests.group.failing", "drift", "1", "5", *LONG, "--engine", "mpi")
    code, _, err = launched(MPI, *arguments)
    assert code == 1
    assert err.count("error: process 1 has other weights than process 0") == 1


@needs_mpi
def test_a_divergence_is_told_once_and_replayed_alone() -> None:
    flags = ("--limit", "200", "--epochs", "5", "--lr", "1e30", "--clip-norm", "none")
    code, _, err = launched(MPI, "-m", "xpcnn", "train", *flags, "--engine", "mpi", "--out", "run")
    assert code == 1
    assert err.count("training diverged") == 1
    code, out, err = run("replay", "run/checkpoints/not-finite.safetensors")
    assert code == 0, err
    assert "is not finite" in out


@needs_mpi
def test_one_error_for_what_all_processes_find() -> None:
    Path("run").mkdir()
    Path("run/file").write_text("here")
    wrong = [("--out", "run"), ("--dataset", "nothing"), ("--model", "none.toml")]
    commands = [("train", *flags) for flags in (*wrong, ("--batch-norm", "groups:3"))]
    for command in (*commands, ("resume", "nothing")):
        code, _, err = launched(MPI, "-m", "xpcnn", *command, "--engine", "mpi")
        assert code == 1
        assert err.count("error:") == 1, err


@needs_mpi
def test_a_finished_run_gives_its_figures_once() -> None:
    assert run("train", *FLAGS, "--out", "run")[0] == 0
    command = ("-m", "xpcnn", "resume", "run", "--engine", "mpi", "--json")
    code, out, err = launched(MPI, *command)
    assert (code, out.count('"run_dir"')) == (0, 1), err
    assert err.count("run is finished: test accuracy") == 1


def test_an_error_while_a_process_waits_ends_the_waiting() -> None:
    """Else the process, if it goes on, ends by XPCNN_TIMEOUT, as if it still waited."""
    module: Any = import_module("xpcnn.backends.mpi_engine")
    engine = object.__new__(module.Engine)
    with pytest.raises(KeyboardInterrupt), engine._waiting():
        raise KeyboardInterrupt
    assert engine._waiting_since is None


@needs_torch
@pytest.mark.parametrize("reason", ["writev [127.0.0.1]:5: Broken pipe", "Connection closed"])
def test_one_that_has_lost_another_ends(
    reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once, without leaving its training: SIGTERM, which torchrun sends it, would save a model.

    Gives torchrun time to find the other one first.
    """
    module: Any = import_module("xpcnn.backends.torch_engine")
    done: list[Any] = []
    monkeypatch.setattr(module.time, "sleep", lambda seconds: done.append(f"sleep {seconds}"))
    monkeypatch.setattr(module.signal, "signal", lambda *how: done.append(how))

    class Lost(module.Engine):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rank, self._tell_watcher = 1, lambda: done.append("told")

        def abort(self, code: int) -> NoReturn:
            raise SystemExit(code)

    with pytest.raises(SystemExit), Lost()._waiting():
        raise RuntimeError(f"{reason}\nmore")
    assert done == ["told", (signal.SIGTERM, signal.SIG_DFL), "sleep 2"]
    told = capsys.readouterr().err
    assert told == f"process 1 ends, since it cannot sum with others: {reason}\n"
