"""Seconds from the start of a process to the end of its first training step, and of a whole run.

The step is one of `small` at batch 64. The run is `xpcnn train`, which reads the digits, trains,
tests and writes a model. A peer brings scripts that do the same.
"""

import subprocess
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from xpcnn.benchmark.process import python, search_path
from xpcnn.benchmark.sides import Peer

FIRST_STEP = """
import numpy, xpcnn
found = xpcnn.models.preset("small")
model = xpcnn.Model(found.layers, input_shape=found.input_shape)
x, labels = numpy.ones((64, 1, 28, 28), "float32"), numpy.arange(64) % 10
model.fit((x, labels), epochs=1, batch_size=64)
"""
REPEATS = 5


def start_times(peer: Peer | None, repeats: int = REPEATS) -> dict[str, float]:
    """Return medians of seconds by "<side>_<what>"; the sides take turns."""
    times: dict[str, list[float]] = {}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            commands: dict[str, tuple[str | Path, ...]] = {"xpcnn_first_step": ("-c", FIRST_STEP)}
            if peer is not None:
                commands["torch_first_step"] = (peer.first_step,)
            out = f"{folder}/run"
            commands["xpcnn_train_digits"] = ("-m", "xpcnn", "train", "--quiet", "--out", out)
            if peer is not None:
                commands["torch_train_digits"] = (peer.train_digits, f"{folder}/model")
            for what, arguments in commands.items():
                times.setdefault(what, []).append(seconds(*arguments))
    return {what: median(found) for what, found in times.items()}


def seconds(*arguments: str | Path) -> float:
    """Return how long a new Python process takes with these arguments."""
    command, environment = python(*arguments), search_path()
    start = perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start
