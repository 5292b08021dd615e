"""Two processes of one thread beside one: `python -m tests.bench.processes --models medium,large`.

Prints, for each batch size, how many times as fast as one process of one thread are: two processes
of one thread; one process of two threads; two processes that train beside each other without a sum,
each on half the batch, which is the most that a machine allows where its cores share caches and
memory. Then, where the time of an update of two processes goes. Medians over rounds of neighbouring
blocks. Needs mpi4py and mpiexec.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy

from xpcnn import engines
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.process_group import ALONE, Group
from xpcnn.training import Callback, group_sums, step
from xpcnn.types import Array

UPDATES, WARM = 30, 5


class Timed:
    """A group that notes, for each update, the time of its sums, and of waiting before them."""

    def __init__(self, group: Group) -> None:
        self._group, self.seconds, self.waiting = group, 0.0, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._group, name)

    def sum(self, x: Array) -> Array:
        start = time.perf_counter()
        self._group.agree([0])  # until the others have come
        come = time.perf_counter()
        total = self._group.sum(x)
        self.waiting += come - start
        self.seconds += time.perf_counter() - come
        return total


def block(name: str, batch: int, beside: bool = False) -> dict[str, float]:
    """Train for some updates in this process of a group; return milliseconds of an update.

    beside: whether each process trains alone, on half the batch; the milliseconds are the mean.
    """
    processes = engines.group("mpi")
    group = Timed(ALONE if beside else processes)
    batch //= processes.size if beside else 1
    chosen = preset(name)
    rng = numpy.random.default_rng(0)
    samples = batch * (UPDATES + WARM)
    images = rng.random((samples, *chosen.input_shape), dtype=numpy.float32)
    model = Model(chosen.layers, input_shape=chosen.input_shape)
    labels = rng.integers(0, model.output_shape[0], samples)
    ends: list[float] = []
    joined: list[float] = []
    summed = group_sums.summed

    def timed(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = summed(*arguments)
        joined.append(time.perf_counter() - start)
        return result

    class Note(Callback):
        """A callback that notes when each update ended."""

        def on_step(self, *_: Any) -> None:
            ends.append(time.perf_counter())
            if len(ends) == WARM:
                joined.clear()
                group.seconds = group.waiting = 0.0

    options: dict[str, Any] = {"epochs": 1, "batch_size": batch, "callbacks": [Note()]}
    processes.agree([0])  # start together
    with patch.object(step, "summed", timed):
        model.fit((images, labels), group=group, **options)
    count = len(ends) - WARM
    found = {
        "update": median(numpy.diff(ends[WARM - 1 :])),
        "waiting": group.waiting / count,
        "sum": group.seconds / count,
        "copies": (sum(joined) - group.seconds - group.waiting) / count,
    }
    if beside:
        found["update"] = sum(processes.gather(found["update"])) / processes.size
    return {part: 1e3 * seconds for part, seconds in found.items()}


def blocks(processes: int, threads: int, name: str, batch: int, *flags: str) -> dict[str, float]:
    """Run a block in new processes of so many threads; return what the first one measured."""
    beside = os.path.join(os.path.dirname(sys.executable), "mpiexec")
    launcher = [beside if os.path.exists(beside) else "mpiexec", "-n", str(processes)]
    here = [sys.executable, "-m", "tests.bench.processes", "--block", name, str(batch), *flags]
    environment = os.environ | {"XPCNN_NUM_THREADS": str(threads)}
    out = subprocess.run([*launcher, *here], env=environment, check=True, capture_output=True)
    found: dict[str, float] = json.loads(out.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="medium,large")
    parser.add_argument("--batches", default="64,256")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--block", nargs=2)
    parser.add_argument("--beside", action="store_true")
    given = parser.parse_args()
    if given.block:
        found = block(given.block[0], int(given.block[1]), given.beside)
        if engines.opened_group().rank == 0:
            print(json.dumps(found))
        return
    names, batches = given.models.split(","), [int(batch) for batch in given.batches.split(",")]
    for name in names:
        preset(name)  # rejects an unknown name before anything is timed
    for name in names:
        for batch in batches:
            rounds = [
                (
                    blocks(1, 1, name, batch)["update"],
                    blocks(1, 2, name, batch)["update"],
                    blocks(2, 1, name, batch, "--beside")["update"],
                    blocks(2, 1, name, batch),
                )
                for _ in range(given.rounds)
            ]
            one, threads, beside, two = zip(*rounds, strict=True)
            update = [parts["update"] for parts in two]
            ratios = [
                f"{what} {median(a / b for a, b in zip(one, times, strict=True)):.2f}"
                for what, times in (
                    ("two processes", update),
                    ("two threads", threads),
                    ("two beside", beside),
                )
            ]
            parts = {part: median(found[part] for found in two) for part in two[0]}
            told = ", ".join(f"{part} {ms:.2f}" for part, ms in parts.items())
            print(f"{name} {batch}: times as fast as one, {median(one):.2f} ms an update:", *ratios)
            print(f"    ms of two processes: {told}", flush=True)


if __name__ == "__main__":
    main()
