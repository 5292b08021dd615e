"""Seconds from the start of a process: to its first finished training step, and to a whole run.

The step is one of `small` at batch 64; the run is `xpcnn train`, which reads the digits, trains,
tests and writes a model.
"""

import subprocess
import sys
import tempfile
from statistics import median
from time import perf_counter

FIRST_STEP = """
import numpy, xpcnn
found = xpcnn.models.preset("small")
model = xpcnn.Model(found.layers, input_shape=found.input_shape)
x, labels = numpy.ones((64, 1, 28, 28), "float32"), numpy.arange(64) % 10
model.fit((x, labels), epochs=1, batch_size=64)
"""
TRIALS = 5


def start_times(peer_step: str | None = None) -> dict[str, float | None]:
    """Return medians of seconds; `peer_step` is the script of another library's first step."""
    with tempfile.TemporaryDirectory() as folder:
        train = seconds(["-m", "xpcnn", "train", "--quiet", "--out", f"{folder}/run"], trials=1)
    return {
        "xpcnn_first_step": seconds(["-c", FIRST_STEP]),
        "torch_first_step": None if peer_step is None else seconds(["-c", peer_step]),
        "xpcnn_train_digits": train,
    }


def seconds(arguments: list[str], trials: int = TRIALS) -> float:
    """Return how long Python takes with these arguments, as a median."""
    times = []
    for _ in range(trials):
        start = perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(perf_counter() - start)
    return median(times)
