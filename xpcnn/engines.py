"""What connects the processes that a launcher has started together: MPI or torch.distributed.

`group(name)` imports `backends/<name>_engine.py`, whose `Engine` is a `Group`.
"""

import os
import platform
from collections.abc import Sequence
from importlib.util import find_spec

from xpcnn.backends_folder import backend_module
from xpcnn.errors import BackendError, hint, nearest
from xpcnn.options import find
from xpcnn.process_group import ALONE, Group

ENGINES = ("mpi", "torch")
NONE = "none"

_groups: dict[str, Group] = {}  # an engine is started once in a process


def group(engine: str | None = None) -> Group:
    """Return the processes that a launcher, such as mpiexec or torchrun, has started together.

    Processes of one machine divide its cores, or those to which the launcher has bound them
    together, unless XPCNN_NUM_THREADS or XPCNN_READ_THREADS says otherwise.

    engine: "mpi" or "torch", which connects the processes, or "none" for this process alone; None
        for what the variable XPCNN_ENGINE names, or without it for this process alone if no
        launcher started others.

    Raises:
        BackendError: there is no such engine, it cannot be used here, it finds this process alone
            where the launcher started several, or a launcher started several and none is named, so
            that each would train alone.
    """
    named = engine or os.environ.get("XPCNN_ENGINE") or ""
    if not named and launched() > 1:
        message = f"a launcher started {launched()} processes, and each would train alone"
        advice = (
            "--engine (or XPCNN_ENGINE) torch with torchrun, mpi with mpiexec or srun; none if "
            "each is to train alone"
        )
        raise BackendError(hint(message, advice))
    name = find(named or NONE, (*ENGINES, NONE)) or named
    if name == NONE:
        return ALONE
    if name in _groups:
        return _groups[name]
    if name not in ENGINES:
        raise BackendError(hint(f"unknown engine {name!r}", nearest(name, (*ENGINES, NONE))))
    module = backend_module(f"{name}_engine")
    if (found := module.problem()) is not None:
        sentence, remedy = found
        raise BackendError(hint(f"engine {name!r} cannot be used: {sentence}", remedy))
    try:
        opened = module.Engine()
    except (ImportError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        message = f"engine {name!r} cannot be started: {reason}"
        raise BackendError(hint(message, module.NEEDED)) from error
    if opened.size == 1 < launched():
        message = f"the launcher started {launched()} processes, and {name} connects none of them"
        remedy = "the launcher of the MPI that mpi4py uses, or XPCNN_ENGINE=torch with torchrun"
        raise BackendError(hint(message, remedy))
    _divide_cores(opened)
    _groups[name] = opened
    return _groups[name]


def opened_group() -> Group:
    """Return the group that `group` has opened in this process, or that of a process alone."""
    return next(iter(_groups.values()), ALONE)


def torchrun(processes: int, command: Sequence[str]) -> int:
    """Run Python in several processes of this machine, which the engine "torch" connects.

    processes: how many.
    command: the arguments of Python.

    Returns:
        the exit code of the process that ended first with another than 0, or 0; 128 and the number
        of a signal that ended it, or that this process got.

    Raises:
        BackendError: PyTorch is not installed.
    """
    if find_spec("torch") is None:
        raise BackendError(hint("engine 'torch': PyTorch is not installed", "pip install torch"))
    code: int = backend_module("torch_launcher").launch(processes, command)
    return code


_SIZES = (
    "PMI_SIZE",
    "MPI_LOCALNRANKS",
    "OMPI_COMM_WORLD_SIZE",
    "WORLD_SIZE",
    "SLURM_STEP_NUM_TASKS",
)
"""Variables in which a launcher says how many processes it started: of MPICH (with -pmi-port only
those of this machine), Open MPI, torchrun and srun."""


def launched() -> int:
    """Return how many processes a launcher says that it started together with this one."""
    sizes = [os.environ.get(name, "") for name in _SIZES]
    return max([1, *(int(size) for size in sizes if size.isdecimal())])


def _divide_cores(opened: Group) -> None:
    """Give this process its share of its cores, to compute and to read pictures.

    Cores are shared by the processes of one machine that may run on the same ones. What a variable
    says already stays.
    """
    bound = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    cores = os.cpu_count() or 1 if bound is None else len(bound)
    own = platform.node(), bound
    sharing = opened.gather(own).count(own)
    if sharing > 1:
        for name in ("XPCNN_NUM_THREADS", "XPCNN_READ_THREADS"):
            os.environ.setdefault(name, str(max(1, cores // sharing)))
