"""`python -m tests.soak`: whether a long training keeps its memory; a minute or less.

A tiny network is trained for 10,000 steps. From step 1,000 on, resident memory may grow by less
than 1 %: a step keeps nothing. An epoch keeps its record in the history, about 350 bytes, which is
all that grows; so a network whose epochs are single steps grows by more. Linux only.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy

from xpcnn import Model, optimizers
from xpcnn.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential
from xpcnn.training import Callback

STEPS, SETTLED = 10_000, 1_000
BATCH, SAMPLES = 16, 640
MOST = 0.01  # of the memory at step SETTLED


def resident() -> int:
    """Return the bytes of memory that this process has in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Watch(Callback):
    """Notes the resident memory every SETTLED steps, and prints it."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_step(self, step: int) -> None:
        if step % SETTLED == 0:
            self.seen.append(resident())
            growth = self.seen[-1] / self.seen[0] - 1
            print(f"step {step:6,}  {self.seen[-1] / 1e6:.2f} MB  {growth:+.2%}", flush=True)


def main() -> int:
    """Train, print, and return 0 if memory stayed within its bound."""
    argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__).parse_args()
    rng = numpy.random.default_rng(0)
    images = rng.standard_normal((SAMPLES, 1, 8, 8)).astype("float32")
    layers = Sequential([Conv2D(4, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(10)])
    model = Model(layers, input_shape=(1, 8, 8), seed=0)
    watch, start = Watch(), time.perf_counter()
    model.fit(
        (images, rng.integers(0, 10, SAMPLES)),
        epochs=STEPS * BATCH // SAMPLES,
        batch_size=BATCH,
        optimizer=optimizers.SGD(0.01),
        callbacks=[watch],
        progress=False,
    )
    growth = watch.seen[-1] / watch.seen[0] - 1
    print(f"{growth:+.2%} after step {SETTLED:,}, {time.perf_counter() - start:.0f} s")
    return 0 if growth < MOST else 1


if __name__ == "__main__":
    sys.exit(main())
