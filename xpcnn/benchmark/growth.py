"""How cost grows: time per image against batch, image, channels, depth and threads; memory.

One network, changed in one place at a time: 3 x 3 convolutions with ReLU, global average pooling,
one dense layer. `python -m xpcnn.benchmark.growth BATCH SIZE CHANNELS DEPTH` times one form of it.
"""

import os
import sys
from collections.abc import Iterator

import numpy

from xpcnn import backend
from xpcnn.benchmark.sides import Training
from xpcnn.benchmark.timing import Runner, serve
from xpcnn.layers import Conv2D, Dense, GlobalAvgPool2D, Layer, ReLU
from xpcnn.model import Model

USUAL = {"batch": 64, "size": 32, "channels": 16, "depth": 2}
GROWING = {
    "batch": (1, 4, 16, 64, 256, 1024),
    "size": (8, 16, 32, 64, 128),
    "channels": (4, 8, 16, 32, 64),
    "depth": (1, 2, 4, 8, 16),
}


def network(channels: int, depth: int) -> list[Layer]:
    """Return the layers."""
    block: list[Layer] = [Conv2D(channels, 3, padding="same"), ReLU()]
    return [*block * depth, GlobalAvgPool2D(), Dense(10)]


def side(batch: int, size: int, channels: int, depth: int) -> Training:
    """Return training steps of one form of the network, on noise."""
    model = Model(network(channels, depth), input_shape=(3, size, size))
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((3, size, size, batch), "float32").transpose(3, 0, 1, 2)
    return Training(model, x, rng.integers(0, 10, batch))


def page() -> Iterator[str]:
    """Yield tables in Markdown: of each form the ms per image and the peak memory."""
    usual = ", ".join(f"{name} {value}" for name, value in USUAL.items())
    yield f"One training step; where not said otherwise, {usual}, all threads."
    for name, values in GROWING.items():
        yield from table(name, [(value, form(**USUAL | {name: value})) for value in values])
    before = os.environ.get("XPCNN_NUM_THREADS", "")
    most = int(backend.load("numpy").describe()["threads"])
    rows = []
    for n in range(1, most + 1):
        os.environ["XPCNN_NUM_THREADS"] = str(n)  # of the process to come
        rows.append((n, form(**USUAL)))
    os.environ["XPCNN_NUM_THREADS"] = before
    yield from table("threads", rows)


def form(batch: int, size: int, channels: int, depth: int) -> dict[str, float]:
    """Time one form in a process of its own."""
    runner = Runner("xpcnn.benchmark.growth", batch, size, channels, depth)
    return {"per_image": 1e3 * runner.alone / batch, "peak_mb": runner.end()}


def table(name: str, rows: list[tuple[int, dict[str, float]]]) -> Iterator[str]:
    """Yield one table, each row beside the growth since the row before."""
    yield f"\n| {name} | ms per image | times that before | peak MiB |\n|---|---|---|---|"
    last = None
    for value, facts in rows:
        times = "" if last is None else f"{facts['per_image'] / last:.2f}"
        yield f"| {value} | {facts['per_image']:.3f} | {times} | {facts['peak_mb']:.0f} |"
        last = facts["per_image"]


if __name__ == "__main__":
    serve(side(*map(int, sys.argv[1:])), {})
