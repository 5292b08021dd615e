"""MPI, by mpi4py: processes that a launcher of MPI started (mpiexec, srun, an MPI operator).

MPI waits for a process that hangs for ever. So a process that waits longer than XPCNN_TIMEOUT
seconds says so and ends, whereupon the launcher ends the others.
"""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import Any, NoReturn

import numpy

from .engine_memory import SharedMemory
from .engine_overlap import overlap_problem, overlaps
from .engine_timeout import timeout_problem, timeout_seconds, waited_too_long
from .engine_watcher import watch_by_hydra
from .mpi_cupy import device_sum

NEEDED = "pip install mpich, or load the module of the cluster's MPI"
"""What to try if the engine cannot be started."""


def problem() -> tuple[str, str] | None:
    """Return why MPI cannot be used here and what to do; None if it can."""
    if find_spec("mpi4py") is None:
        return "mpi4py is not installed", "pip install 'xpcnn[mpi]'"
    return timeout_problem() or overlap_problem()


class Engine:
    """All processes of the launcher; for the methods see `xpcnn.process_group.Group`."""

    def __init__(self) -> None:
        from mpi4py import MPI  # starts MPI

        self._mpi, self._world = MPI, MPI.COMM_WORLD
        self.rank, self.size = self._world.rank, self._world.size
        by_mpi = _Sum(MPI, self._world, self._waiting)
        memory = SharedMemory(self.rank, self.gather, self._meet, by_mpi)
        self.lend, self.sum = memory.lend, memory.sum
        self._begun = _Begun(MPI, self._world) if overlaps() and self.size > 1 else None
        self.overlaps = self._begun is not None
        self._tell_watcher = watch_by_hydra(self.rank)
        self._timeout = timeout_seconds()
        self._waiting_since: float | None = None
        if self.size > 1:
            threading.Thread(target=self._watch, daemon=True, name="xpcnn-timeout").start()
            sys.excepthook = self._end_all

    def begin_sum(self, x: Any) -> Callable[[], Any]:
        if self._begun is None or x.__dlpack_device__()[0] != _CPU:
            total = self.sum(x)
            return lambda: total
        done = self._begun.begin(numpy.from_dlpack(x))

        def wait() -> Any:
            with self._waiting():
                done.wait()
            return x

        return wait

    def sum_of(self, size: int) -> "_Sum":
        return _Sum(self._mpi, self._world.Split(self.rank // size), self._waiting)

    def agree(self, numbers: Sequence[int]) -> tuple[int, ...]:
        largest = numpy.array(numbers, numpy.int64)
        with self._waiting():
            self._world.Allreduce(self._mpi.IN_PLACE, largest, self._mpi.MAX)
        return tuple(map(int, largest))

    def broadcast(self, value: Any) -> Any:
        with self._waiting():
            return self._world.bcast(value, root=0)

    def gather(self, value: Any) -> list[Any]:
        with self._waiting():
            return list(self._world.allgather(value))

    def abort(self, code: int) -> NoReturn:
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(0.5)  # the launcher passes on what was printed before it ends the others
        self._tell_watcher()
        self._world.Abort(code)
        os._exit(code)  # not reached

    def _meet(self) -> None:
        with self._waiting():
            self._world.Barrier()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = None

    def _watch(self) -> None:
        """End the process if it waits too long; MPI does not hold Python's lock while it waits."""
        while True:
            time.sleep(min(1.0, self._timeout / 4))
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self._timeout:
                print(waited_too_long(self.rank), file=sys.stderr)
                self.abort(1)

    def _end_all(self, *error: Any) -> None:
        """End all processes after an exception that nothing catches: the others wait."""
        sys.__excepthook__(*error)
        self.abort(1)


class _Begun:
    """Sums that go on while Python computes: MPI moves numbers only while it is called.

    So a thread asks it again and again, and sleeps in between, which takes little of a core. This
    needs an MPI that several threads may call. The sums have a communicator of their own.
    """

    def __init__(self, mpi: Any, world: Any) -> None:
        self._mpi, self._processes = mpi, world.Dup()
        self._sums: queue.SimpleQueue[tuple[Any, threading.Event]] = queue.SimpleQueue()
        threading.Thread(target=self._move, daemon=True, name="xpcnn-sums").start()

    def begin(self, x: Any) -> threading.Event:
        """Begin to sum x in place; return what is set when that is done."""
        done = threading.Event()
        self._sums.put((self._processes.Iallreduce(self._mpi.IN_PLACE, x), done))
        return done

    def _move(self) -> None:
        while True:
            request, done = self._sums.get()
            while not request.Test():
                time.sleep(_BETWEEN)
            done.set()


_BETWEEN = 2e-4  # seconds; a network of 1 Gb/s moves 25 KB in them

_CPU = 1  # of DLPack, by which NumPy shares the memory of other libraries' arrays


class _Sum:
    """Sums arrays in place over the processes of a communicator: on the host, or CuPy's."""

    def __init__(
        self, mpi: Any, processes: Any, waiting: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._mpi, self._processes, self._waiting = mpi, processes, waiting
        self._of_devices: Callable[[Any], Any] | None = None

    def __call__(self, x: Any) -> Any:
        with self._waiting():
            if x.__dlpack_device__()[0] == _CPU:
                self._processes.Allreduce(self._mpi.IN_PLACE, numpy.from_dlpack(x))
                return x
            if self._of_devices is None:
                self._of_devices = device_sum(self._processes)
            return self._of_devices(x)
