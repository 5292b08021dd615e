"""A pool of threads for NumPy calls, with one BLAS thread each.

A BLAS with its own threads cannot share the cores with the pool: its threads spin while they wait,
and on a busy machine a step takes many times as long. So a session sets the BLAS to one thread and
gives pieces of each kernel's work to the pool. When the last session of the process ends, the BLAS
gets its former number of threads back. Outside of sessions, kernels start no threads.

`XPCNN_NUM_THREADS` is the number of threads. By default it is that of the cores available to the
process, or fewer if `OMP_NUM_THREADS` says so, as in the worker processes of joblib. The last bits
of results depend on it: a product split differently rounds differently.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from importlib.util import find_spec
from queue import SimpleQueue
from typing import Any

from . import memory

Task = Callable[[int], None]

SMALL = 1 << 20
"""Bytes of work below which the pool, which costs 100 microseconds, does not pay."""


class Pool:
    """Threads that wait for pieces of work; the caller takes piece 0 itself."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._pieces: SimpleQueue[
            tuple[Callable[[], None] | None, SimpleQueue[BaseException | None]]
        ]
        self._pieces = SimpleQueue()
        self._threads = 0
        for _ in range(size - 1):
            try:
                threading.Thread(target=self._work, daemon=True, name="xpcnn").start()
            except RuntimeError:  # no more threads: the running ones do all of the work
                break
            self._threads += 1

    def _work(self) -> None:
        while True:
            work, done = self._pieces.get()
            if work is None:
                return
            try:
                work()
                done.put(None)
            except BaseException as error:  # the caller raises it
                done.put(error)
            del work, done  # so that an idle thread keeps no array alive

    def close(self) -> None:
        """End the threads after the work in their queues."""
        for _ in range(self._threads):
            self._pieces.put((None, SimpleQueue()))

    def run(self, task: Task, pieces: int) -> None:
        """Run task(0), task(1), ... in parallel; return when all have ended."""
        if not self._threads:
            for piece in range(pieces):
                task(piece)
            return
        done: SimpleQueue[BaseException | None] = SimpleQueue()
        for piece in range(1, pieces):
            # in a copy of the caller's context, which holds NumPy's errstate
            self._pieces.put((partial(copy_context().run, task, piece), done))
        try:
            task(0)
        finally:
            errors = [done.get() for _ in range(1, pieces)]
        for error in errors:
            if error is not None:
                raise error


def thread_count() -> int:
    """Return how many threads a session uses.

    Raises:
        ValueError: XPCNN_NUM_THREADS is not a whole number of at least 1.
    """
    given = os.environ.get("XPCNN_NUM_THREADS")
    if given:
        if not (given.isascii() and given.isdecimal() and int(given) > 0):
            raise ValueError(f"XPCNN_NUM_THREADS is {given!r}, expected a whole number from 1 on")
        return int(given)
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        cores = os.cpu_count() or 1
    openmp = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # "4,2": by depth
    return min(cores, int(openmp)) if openmp.isdecimal() and int(openmp) > 0 else cores


class _Sessions:
    """How many sessions are open in this process, and what they share."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open = 0
        self.pool: Pool | None = None
        self.limit: Any = None
        self.libraries: Any = None  # in use, and how many modules had been imported by then
        self.modules = 0

    def limit_blas(self) -> Any:
        """Set the BLAS to one thread; return what can undo that.

        Libraries are looked for again, which takes half a millisecond, if modules were imported.
        """
        from threadpoolctl import ThreadpoolController

        if self.libraries is None or self.modules != len(sys.modules):
            self.libraries, self.modules = ThreadpoolController(), len(sys.modules)
        return self.libraries.limit(limits=1, user_api="blas")


_sessions = _Sessions()


def _forget() -> None:
    """Reset in a forked process, which has none of the threads and no session."""
    global _sessions
    _sessions = _Sessions()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def can_share() -> bool:
    """Whether a session can set the BLAS to one thread; only then can the pool use the cores."""
    return find_spec("threadpoolctl") is not None


@contextmanager
def session() -> Iterator[None]:
    """Let kernels use the pool, and the BLAS one thread, until the block ends.

    Without threadpoolctl, the BLAS keeps its threads and kernels use none.
    """
    if not can_share():
        yield
        return
    with _sessions.lock:
        if _sessions.open == 0:
            count = thread_count()
            if _sessions.pool is not None and _sessions.pool.size != count:
                _sessions.pool.close()
                _sessions.pool = None
            _sessions.pool = _sessions.pool or Pool(count)
            _free_blas()
            _sessions.limit = _sessions.limit_blas()
            memory.keep()
        _sessions.open += 1
    opened = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == opened:
            with _sessions.lock:
                _sessions.open -= 1
                if _sessions.open == 0:
                    _free_blas()
                    _sessions.limit.restore_original_limits()
                    _free_blas()
                    memory.release()


def _free_blas() -> None:
    """Let any thread set the number of OpenBLAS threads.

    From 3.7 on, threadpoolctl silently does nothing in all threads except the first that set them;
    but a session may be opened by one thread and closed by another.
    """
    import threadpoolctl

    clear = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


def sharing_threads() -> int:
    """Return how many threads a session gives to kernels now, 0 outside of sessions."""
    pool = _sessions.pool if _sessions.open else None
    return 0 if pool is None else pool.size


def parallel_for(work: Callable[[int, int], None], length: int, size: int) -> None:
    """Call work(start, stop) for pieces of range(length), in parallel inside a session.

    size: bytes that the work touches in all.
    """
    pool = _sessions.pool if _sessions.open else None
    pieces = 1 if pool is None or size < SMALL else min(pool.size, length)
    if pool is None or pieces < 2:
        work(0, length)
        return
    bounds = [length * i // pieces for i in range(pieces + 1)]
    pool.run(lambda piece: work(bounds[piece], bounds[piece + 1]), pieces)


def sharing(length: int, size: int) -> tuple[int, int]:
    """Return the number of pieces for a C kernel's work on some rows, and that of threads.

    Each thread gets one piece. With four, of which the quicker thread takes more, training steps
    take 0.93 to 1.02 times as long on two busy cores, but a forward pass of two-conv 1.24 times as
    long, and one of resnet20 over one image 1.13 times.

    size: multiplications in all.
    """
    pool = _sessions.pool if _sessions.open else None
    if pool is None or size < 1 << 20:
        return 1, 1
    return min(length, pool.size), pool.size
