"""Samples read by threads, a few batches ahead of whoever uses them, in the order asked for."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from xpcnn.errors import ConfigError, hint
from xpcnn.types import Shape

VARIABLE = "XPCNN_READ_THREADS"
"""The variable that says how many threads read; by default one for each core."""

_AHEAD = 1 << 25  # bytes of samples that are read ahead
_MOST = 16  # batches that are read ahead at most


def batches_ahead(
    read: Callable[[int], np.ndarray], wanted: Iterable[np.ndarray], sample: Shape, dtype: np.dtype
) -> Iterator[np.ndarray]:
    """Yield the samples (k, *sample) of each array of rows, while threads read the next ones.

    The result does not depend on the number of threads. No more than 32 MiB are read ahead, or a
    single batch.

    read: returns the sample of a row; called by several threads at a time. An error that it raises
        is raised when the batch of the row is due; of several errors, that of the first row.
    """
    threads = reading_threads()
    coming: deque[tuple[np.ndarray, list[Future[None]]]] = deque()

    def fill(batch: np.ndarray, rows: np.ndarray, start: int) -> None:
        for i, row in enumerate(rows.tolist(), start):
            batch[i] = read(row)

    def whole(batch: np.ndarray, parts: list[Future[None]]) -> np.ndarray:
        for part in parts:
            part.result()
        return batch

    pool = ThreadPoolExecutor(threads, "xpcnn-read")
    try:
        for rows in wanted:
            batch = np.empty((len(rows), *sample), dtype)
            step = math.ceil(len(rows) / (4 * threads)) or 1
            parts = [
                pool.submit(fill, batch, rows[start : start + step], start)
                for start in range(0, len(rows), step)
            ]
            coming.append((batch, parts))
            if len(coming) > min(_MOST, max(1, _AHEAD // (batch.nbytes or 1))):
                yield whole(*coming.popleft())
        while coming:
            yield whole(*coming.popleft())
    finally:
        # without waiting: garbage collection may close this in the middle of a thread's start,
        # which holds a lock that waiting for a thread takes
        pool.shutdown(wait=False, cancel_futures=True)


def reading_threads() -> int:
    """Return how many threads read samples.

    Raises:
        ConfigError: the variable is not a whole number of at least 1.
    """
    given = os.environ.get(VARIABLE)
    if given is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if not given.isdecimal() or int(given) < 1:
        message = f"{VARIABLE} is {given!r}, expected a whole number of at least 1"
        raise ConfigError(hint(message, f"{VARIABLE}=2, or unset it, for one thread a core"))
    return int(given)
