"""Runs of several processes: how they are started, and what only the first of them does."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from xpcnn import engines
from xpcnn.errors import BackendError, hint
from xpcnn.options import check_count

_HERE = {"HYDRA_LAUNCHER": "fork", "HYDRA_RMK": "user"}
"""Variables by which MPICH's mpiexec starts processes on this machine, in a job of Slurm too."""


def launch(processes: int, engine: str | None) -> NoReturn:
    """Run the same command in several processes of this machine, and end as they do.

    This process becomes their launcher.

    processes: how many, at least 1.
    engine: "mpi" (the default), or "torch".

    Raises:
        BackendError: there is no launcher.
        ConfigError: `processes` is not a whole number of at least 1.
    """
    check_count("processes", processes)
    own = _without_processes(sys.argv[1:])
    os.environ.pop("XPCNN_PROCESSES", None)
    if engine == "torch":
        raise SystemExit(engines.torchrun(processes, ["-m", "xpcnn", *own]))
    launcher = [_mpiexec(), "-n", str(processes), sys.executable, "-m", "xpcnn"]
    os.execve(launcher[0], [*launcher, *own], {**os.environ, "XPCNN_ENGINE": "mpi"} | _HERE)


def _mpiexec() -> str:
    """Return the launcher of MPI: beside Python's own programs, or the first of the PATH."""
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.is_file() else shutil.which("mpiexec")
    if found is None:
        raise BackendError(hint("--processes: there is no mpiexec", "pip install 'xpcnn[mpi]'"))
    return found


def _without_processes(arguments: list[str]) -> list[str]:
    """Return the arguments of a command without --processes N."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "--processes":
            skip = True
        elif not argument.startswith("--processes="):
            kept.append(argument)
    return kept
