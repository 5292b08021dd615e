"""Runs under mpiexec and torchrun: how tests start them, and what they compare."""

import random
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cli.process import default_signals, environment, noted
from tests.waiting import PATIENCE
from xpcnn.model_loading import load_model
from xpcnn.types import flatten

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.is_file() else shutil.which("mpiexec")

MPI = [MPIEXEC, "-n", "2", sys.executable]
TORCHRUN = [
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
]

HOSTS = [MPIEXEC, *("-launcher", "fork", "-hosts", "a,b", "-ppn", "1", "-n", "2"), sys.executable]
"""Two machines for mpiexec, which connects them by the network; both are this one."""

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None, reason="mpi4py and mpiexec are not installed"
)
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

LAUNCHERS = pytest.mark.parametrize(
    ("launcher", "engine"),
    [
        pytest.param(MPI, "mpi", marks=needs_mpi, id="mpiexec"),
        pytest.param(TORCHRUN, "torch", marks=needs_torch, id="torchrun"),
    ],
)

FLAGS = ("--limit", "200", "--epochs", "2", "--dtype", "float64", "--augment", "shift,mixup")
LONG = ("train", "--limit", "300", "--epochs", "1000", "--checkpoint-steps", "1", "--out", "run")

IN_A_JOB = {"SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": "a,b", "SLURM_NNODES": "2"}
IN_A_JOB |= {"SLURM_NODELIST": "a,b", "SLURM_JOB_NUM_NODES": "2", "SLURM_TASKS_PER_NODE": "1(x2)"}


def start(launcher: list[Any], *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start `python ARGUMENTS` in the processes of a launcher."""
    return noted(
        subprocess.Popen(
            [*map(str, launcher), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(XPCNN_NUM_THREADS="1", **variables),
            preexec_fn=default_signals,
        )
    )


def of(count: int, launcher: list[Any]) -> list[Any]:
    """Return the command of a launcher of two processes for another number of them."""
    return [str(count) if word == "2" else word for word in launcher]


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def launched(launcher: list[Any], *arguments: str, **variables: str) -> tuple[int, str, str]:
    return ended(start(launcher, *arguments, **variables))


def weights(folder: str) -> dict[str, numpy.ndarray]:
    model = load_model(f"{folder}/model.safetensors")
    return flatten(model.params) | flatten(model.buffers, "buffers.")


def assert_close(folder: str, other: str, bound: float = 1e-12) -> None:
    """Require the weights of two runs to be equal in parts of the largest of each tensor."""
    found, expected = weights(folder), weights(other)
    for path, x in expected.items():
        atol = bound * numpy.abs(x).max()
        numpy.testing.assert_allclose(found[path], x, rtol=0, atol=atol, err_msg=path)


def two_machines() -> list[list[Any]]:
    """Return a torchrun for each of two machines, which know of each other by address and port.

    The port is below those that the system gives to others before torchrun takes it.
    """
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            break
    one = [*TORCHRUN[:3], "--nnodes", "2", "--nproc-per-node", "1"]
    one += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    return [[*one, "--node-rank", rank] for rank in range(2)]
