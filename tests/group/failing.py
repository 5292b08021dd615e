"""`xpcnn` with a process that fails: python -m tests.group.failing HOW RANK UPDATE train ...

HOW is what process RANK does at an update: raise, memory, exit, kill, term, twice (SIGTERM as Slurm
sends it), int, freeze, drift (its weights get other values) or nothing. The file `failed` is made
just before. With freeze, two processes wait for each other first, until all is imported.
"""

import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.waiting import wait_until
from xpcnn.cli import main
from xpcnn.engines import opened_group
from xpcnn.training import run
from xpcnn.training.step import training_step as step


def fail(how: str) -> None:
    """Do what a process does that fails."""
    Path("failed").touch()
    if how == "raise":
        raise ValueError("a planted error")
    if how == "memory":
        raise MemoryError("a planted lack of memory")
    if how == "exit":
        os._exit(7)
    signals = {
        "kill": signal.SIGKILL,
        "term": signal.SIGTERM,
        "int": signal.SIGINT,
        "freeze": signal.SIGSTOP,
    }
    if how in signals:
        os.kill(os.getpid(), signals[how])
    if how == "twice":
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)


def meet(engine: str) -> None:
    """Wait for the second of two processes, which imports may keep longer on a busy machine."""
    import_module({"mpi": "mpi4py", "torch": "torch.distributed"}[engine])
    Path(f"here-{os.getpid()}").touch()
    wait_until(lambda: len(list(Path().glob("here-*"))) == 2)


def failing(how: str, rank: int, update: int) -> Any:
    """Return a training step that fails once."""
    done = 0

    def training_step(*arguments: Any) -> Any:
        nonlocal done
        done += 1
        after = step(*arguments)
        if done == update and opened_group().rank == rank:
            fail(how)  # after its sum, which waits until process 0 has saved the update before
            if how == "drift":
                after.params["layers.0"]["weight"][...] += 1e-7
        time.sleep(0.01)  # a run that lasts
        return after

    return training_step


if __name__ == "__main__":
    how, rank, update, *arguments = sys.argv[1:]
    setattr(run, "training_step", failing(how, int(rank), int(update)))  # noqa: B010
    sys.argv[1:] = arguments
    if how == "freeze":
        meet(arguments[-1])
    main()
