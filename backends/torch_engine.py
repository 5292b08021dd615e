"""torch.distributed, by gloo or NCCL: processes that torchrun or a launcher of its kind started.

Arrays are summed in place; PyTorch shares their memory by DLPack. A process that waits longer than
XPCNN_TIMEOUT seconds ends with an error, whereupon torchrun ends the others.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from typing import Any, NoReturn

from .engine_memory import SharedMemory
from .engine_overlap import overlap_problem, overlaps
from .engine_timeout import timeout_problem, timeout_seconds, waited_too_long
from .engine_watcher import watch_by_torchrun
from .torch_cuda import DeviceSums, connections, is_on_gpu

_MEETING = ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Variables by which processes find each other, as torchrun sets them."""

NEEDED = "MASTER_ADDR and a free MASTER_PORT that every process can reach"
"""What to try if the engine cannot be started."""


def problem() -> tuple[str, str] | None:
    """Return why torch.distributed cannot be used here and what to do; None if it can."""
    if find_spec("torch") is None:
        return "PyTorch is not installed", "pip install torch"
    if "RANK" not in os.environ:
        started = "torchrun --nproc-per-node 2 -m xpcnn train --engine torch"
        return "this process was not started by torchrun", started
    if absent := [name for name in _MEETING if name not in os.environ]:
        message = f"RANK is set, and {' and '.join(absent)} not"
        return message, "torchrun, or on one machine MASTER_ADDR=127.0.0.1 MASTER_PORT=29500"
    return timeout_problem() or overlap_problem()


class Engine:
    """All processes of the launcher; for the methods see `xpcnn.process_group.Group`."""

    def __init__(self) -> None:
        import torch
        import torch.distributed
        import torch.utils.dlpack

        self._torch, self._group = torch, torch.distributed
        if not self._group.is_initialized():
            timeout = timedelta(seconds=timeout_seconds())
            self._group.init_process_group(connections(torch), timeout=timeout)
            atexit.register(self._group.destroy_process_group)  # its threads may abort the exit
        self.rank, self.size = self._group.get_rank(), self._group.get_world_size()
        self._tell_watcher = watch_by_torchrun(self.rank)
        self.overlaps = overlaps() and self.size > 1
        self._on_gpus = DeviceSums(torch, self.gather)
        memory = SharedMemory(self.rank, self.gather, self._meet, partial(self._sum, None))
        self.lend, self.sum = memory.lend, memory.sum

    def begin_sum(self, x: Any) -> Callable[[], Any]:
        if is_on_gpu(x):
            total = self.sum(x)
            return lambda: total
        tensor = self._torch.utils.dlpack.from_dlpack(x)
        work = self._group.all_reduce(tensor, async_op=True)

        def wait() -> Any:
            with self._waiting():
                work.wait()
            return x

        return wait

    def sum_of(self, size: int) -> Callable[[Any], Any]:
        groups = [
            self._group.new_group(range(first, first + size))  # each is made by all processes
            for first in range(0, self.size, size)
        ]
        return partial(self._sum, groups[self.rank // size])

    def _sum(self, processes: Any, x: Any) -> Any:
        """Sum in place over a group of torch's; None is all."""
        if is_on_gpu(x):
            with self._waiting():
                return self._on_gpus(x, processes)
        tensor = self._torch.utils.dlpack.from_dlpack(x)
        with self._waiting():
            self._group.all_reduce(tensor, group=processes)
        return x

    def agree(self, numbers: Sequence[int]) -> tuple[int, ...]:
        largest = self._torch.tensor(list(numbers), dtype=self._torch.int64)
        with self._waiting():
            self._group.all_reduce(largest, self._group.ReduceOp.MAX)
        return tuple(largest.tolist())

    def broadcast(self, value: Any) -> Any:
        values = [value]
        with self._waiting():
            self._group.broadcast_object_list(values, src=0)
        return values[0]

    def gather(self, value: Any) -> list[Any]:
        values: list[Any] = [None] * self.size
        with self._waiting():
            self._group.all_gather_object(values, value)
        return values

    def abort(self, code: int) -> NoReturn:
        sys.stdout.flush()
        sys.stderr.flush()
        self._tell_watcher()
        os._exit(code)  # torchrun ends the others

    def _meet(self) -> None:
        with self._waiting():
            self._group.barrier()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """End the process, with a line that says why, if another has ended or does not come."""
        try:
            yield
        except RuntimeError as error:
            if "timed out" in str(error).lower():
                message = waited_too_long(self.rank)
            else:
                self._let_torchrun_end_it()
                reason = str(error).partition("\n")[0]
                message = f"process {self.rank} ends, since it cannot sum with others: {reason}"
            print(message, file=sys.stderr)
            self.abort(1)

    def _let_torchrun_end_it(self) -> None:
        """Give torchrun time to find the process that has ended first, and to end the others."""
        self._tell_watcher()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(2)
