"""Two processes of one thread beside one: `python -m tests.bench.processes --models medium,large`.

Prints, for each batch size, the median over pairs of neighbouring blocks of how many times faster
two processes do an update, and where the time of an update of two goes. Needs mpi4py and mpiexec.
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

from xpcnn import backend
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.process_group import Group
from xpcnn.training import Callback, step
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


def block(name: str, batch: int) -> dict[str, float]:
    """Train for some updates in this process of a group; return milliseconds of an update."""
    group = Timed(backend.group("mpi"))
    chosen = preset(name)
    rng = numpy.random.default_rng(0)
    samples = batch * (UPDATES + WARM)
    images = rng.random((samples, *chosen.input_shape), dtype=numpy.float32)
    model = Model(chosen.layers, input_shape=chosen.input_shape)
    labels = rng.integers(0, model.output_shape[0], samples)
    ends: list[float] = []
    joined: list[float] = []
    summed = step._summed

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
    with patch.object(step, "_summed", timed):
        model.fit((images, labels), group=group, **options)
    count = len(ends) - WARM
    found = {
        "update": median(numpy.diff(ends[WARM - 1 :])),
        "waiting": group.waiting / count,
        "sum": group.seconds / count,
        "copies": (sum(joined) - group.seconds - group.waiting) / count,
    }
    return {part: 1e3 * seconds for part, seconds in found.items()}


def blocks(processes: int, name: str, batch: int) -> dict[str, float]:
    """Run a block in new processes of one thread each; return what the first one measured."""
    beside = os.path.join(os.path.dirname(sys.executable), "mpiexec")
    launcher = [beside if os.path.exists(beside) else "mpiexec", "-n", str(processes)]
    here = [sys.executable, "-m", "tests.bench.processes", "--block", name, str(batch)]
    environment = os.environ | {"XPCNN_NUM_THREADS": "1"}
    out = subprocess.run([*launcher, *here], env=environment, check=True, capture_output=True)
    found: dict[str, float] = json.loads(out.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="medium,large")
    parser.add_argument("--batches", default="64,256")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--block", nargs=2)
    given = parser.parse_args()
    if given.block:
        found = block(given.block[0], int(given.block[1]))
        if backend.opened_group().rank == 0:
            print(json.dumps(found))
        return
    for name in given.models.split(","):
        for batch in map(int, given.batches.split(",")):
            pairs = [[blocks(n, name, batch) for n in (1, 2)] for _ in range(given.pairs)]
            ratio = median(one["update"] / two["update"] for one, two in pairs)
            parts = {part: median(two[part] for _, two in pairs) for part in pairs[0][1]}
            one = median(one["update"] for one, _ in pairs)
            told = ", ".join(f"{part} {ms:.2f}" for part, ms in parts.items())
            print(f"{name} {batch}: {ratio:.2f} times; ms of one: {one:.2f}; of two: {told}")


if __name__ == "__main__":
    main()
