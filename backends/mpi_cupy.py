"""Sums of CuPy arrays over processes that MPI started: by NCCL, or through the host.

NCCL sums on the devices, and needs one of its own for each process. Written against CuPy's
interface and run on a stand-in by the tests; no GPU has seen it.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from platform import node
from typing import Any


def device_sum(processes: Any) -> Callable[[Any], Any]:
    """Return a function that sums contiguous arrays in place; each process calls both.

    processes: an MPI communicator.
    """
    cupy = import_module("cupy")
    own = (node(), cupy.cuda.Device().pci_bus_id) if cupy.cuda.nccl.available else None
    devices = processes.allgather(own)
    if None in devices or len(set(devices)) < len(devices):
        return partial(_through_host, processes)
    return partial(_by_nccl, cupy, _communicator(cupy, processes))


def _communicator(cupy: Any, processes: Any) -> Any:
    """Connect the processes by an identifier that the first of them makes."""
    nccl = cupy.cuda.nccl
    own = nccl.get_unique_id() if processes.rank == 0 else None
    return nccl.NcclCommunicator(processes.size, processes.bcast(own, root=0), processes.rank)


def _by_nccl(cupy: Any, communicator: Any, x: Any) -> Any:
    """Sum on the devices, in the order of the current stream: the host does not wait."""
    nccl, at = cupy.cuda.nccl, x.data.ptr
    kind = {"f": nccl.NCCL_FLOAT32, "d": nccl.NCCL_FLOAT64}[x.dtype.char]
    stream = cupy.cuda.get_current_stream().ptr
    communicator.allReduce(at, at, x.size, kind, nccl.NCCL_SUM, stream)
    return x


def _through_host(processes: Any, x: Any) -> Any:
    host = x.get()
    total = host.copy()
    processes.Allreduce(host, total)
    x.set(total)
    return x
