"""Processes that cannot train together, and the cores that those of one machine share."""

import os
import platform
import re
import socket
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cli.process import ROOT, environment, run
from tests.group.launching import FLAGS, MPI, MPIEXEC, launched, needs_mpi
from tests.waiting import PATIENCE
from xpcnn import Model
from xpcnn.errors import BackendError
from xpcnn.layers import Dense

pytestmark = pytest.mark.usefixtures("own_folder")


@needs_mpi
@pytest.mark.parametrize("how", [(), ("-pmi-port",)], ids=["", "pmi-port"])
def test_processes_without_an_engine_are_rejected(how: tuple[str, ...]) -> None:
    code, _, err = launched([MPI[0], *how, *MPI[1:]], "-m", "xpcnn", "train", *FLAGS)
    assert code == 1
    assert "a launcher started 2 processes, and each would train alone" in err
    assert not Path("runs").exists()


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"])
def test_a_script_without_an_engine_does_not_train_in_each_process(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xpcnn.engines import NONE, group

    monkeypatch.delenv("XPCNN_ENGINE", raising=False)
    monkeypatch.setenv(variable, "2")
    model = Model([Dense(2)], input_shape=(3,))
    samples = numpy.eye(3, dtype=numpy.float32), [0, 1, 1]
    message = "a launcher started 2 processes, and each would train alone\nTry: --engine (or XPCNN_"
    with pytest.raises(BackendError, match=re.escape(message)):
        model.fit(samples, epochs=1)
    assert model.fit(samples, epochs=1, group=group(NONE))
    monkeypatch.setenv("XPCNN_ENGINE", "None")
    assert model.fit(samples, epochs=1)


def test_an_engine_that_finds_itself_alone_is_rejected() -> None:
    if find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed")
    code, _, err = run("train", "--engine", "mpi", SLURM_STEP_NUM_TASKS="2")
    assert code == 1
    assert "the launcher started 2 processes, and mpi connects none of them" in err


def test_engines_that_cannot_be_started() -> None:
    if find_spec("mpi4py") is not None:
        code, _, err = run("train", "--engine", "mpi", MPI4PY_LIBMPI="/no/libmpi.so")
        advice = "pip install mpich, or load the module of the cluster's MPI"
        problem = "engine 'mpi' cannot be started: cannot load MPI library"
        assert (code, err) == (1, f"error: {problem}\nTry: {advice}\n")
    if find_spec("torch") is not None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(taken.getsockname()[1])}
            code, _, err = run("train", "--engine", "torch", RANK="0", WORLD_SIZE="1", **meeting)
        assert code == 1
        assert "error: engine 'torch' cannot be started: " in err
        assert "\nTry: MASTER_ADDR and a free MASTER_PORT that every process can reach\n" in err


def test_engines_that_cannot_be_used() -> None:
    code, _, err = run("train", "--engine", "mpy")
    assert (code, err.splitlines()[0]) == (1, "error: unknown engine 'mpy'")
    if find_spec("torch") is not None:
        code, _, err = run("train", "--engine", "torch")
        assert (code, "this process was not started by torchrun" in err) == (1, True)
        code, _, err = run("train", "--engine", "torch", RANK="0", WORLD_SIZE="2")
        assert (code, "RANK is set, and MASTER_ADDR and MASTER_PORT not\nTry: " in err) == (1, True)


@pytest.mark.parametrize("engine", ["mpi", "torch"])
@pytest.mark.parametrize("seconds", ["soon", "0", "nan", "inf"])
def test_no_patience(engine: str, seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"xpcnn.backends.{engine}_engine")
    monkeypatch.setattr(module, "find_spec", lambda name: name)  # as if it were installed
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("XPCNN_TIMEOUT", seconds)
    problem = f"XPCNN_TIMEOUT is {seconds!r}", "a number of seconds above 0, such as 3600"
    assert module.problem() == problem
    monkeypatch.setenv("XPCNN_TIMEOUT", "0.5")
    assert module.problem() is None


def test_cores_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the processes of this machine that may run on the same cores, unless already said."""
    from xpcnn import engines
    from xpcnn.process_group import Alone

    here, all_of_them = platform.node(), list(range(8))
    others: list[tuple[str, list[int]]] = []

    class Several(Alone):
        def gather(self, value: Any) -> list[Any]:
            return [value, *others]

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(all_of_them), raising=False)
    for beside, threads in (
        ([], None),
        ([(here, all_of_them)] * 2, "2"),
        ([(here, [8, 9]), ("another", all_of_them)], None),  # other cores; another machine
        ([(here, all_of_them), ("another", all_of_them)], "4"),
        ([(here, all_of_them)] * 11, "1"),
    ):
        for name in ("XPCNN_NUM_THREADS", "XPCNN_READ_THREADS"):
            monkeypatch.setenv(name, "")  # so that the test leaves none behind
            monkeypatch.delenv(name)
        others[:] = beside
        engines._divide_cores(Several())
        assert os.environ.get("XPCNN_NUM_THREADS") == threads
        assert os.environ.get("XPCNN_READ_THREADS") == threads
    others[:] = [(here, all_of_them)]
    engines._divide_cores(Several())
    assert os.environ["XPCNN_NUM_THREADS"] == "1"


ON_MACHINES = """
import os, platform, numpy, xpcnn
group = xpcnn.backend.group("mpi")
lent = group.lend(100_000, numpy.zeros(0, "f4"))
threads = os.environ.get("XPCNN_NUM_THREADS")
told = group.gather([platform.node(), os.environ["MPI_LOCALRANKID"], threads, lent is None])
if group.rank == 0:
    print(told)
"""
SSH = ROOT / "tests" / "group" / "ssh"


@needs_mpi
def test_machines_with_processes_of_their_own() -> None:
    """Two on one machine divide its cores; one has those of the other. They share no memory."""
    if subprocess.run([SSH, "a", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("unshare: not permitted here")
    Path("on_machines.py").write_text(ON_MACHINES)
    on_two = [MPIEXEC, "-launcher", "ssh", "-launcher-exec", SSH, "-hosts", "a,b", "-ppn", "2"]
    command = [*map(str, on_two), "-n", "3", sys.executable, "on_machines.py"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=environment(), check=False
    )
    half = str(max(1, len(os.sched_getaffinity(0)) // 2))
    expected = [["a", "0", half, True], ["a", "1", half, True], ["b", "0", None, True]]
    assert (done.returncode, done.stdout) == (0, f"{expected}\n"), done.stderr
