"""How cost grows: the time of a step against batch, image, channels, depth and threads; memory.

One network, changed in one place at a time: 3 x 3 convolutions with ReLU, global average pooling,
one dense layer. `python -m xpcnn.benchmark.growth` is the process that times its forms.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple

import numpy

from xpcnn import backend
from xpcnn.benchmark.process import Runner, serve
from xpcnn.benchmark.products import im2col_products
from xpcnn.benchmark.sides import Training
from xpcnn.layers import Conv2D, Dense, GlobalAvgPool2D, Layer, ReLU
from xpcnn.model import Model

SECONDS = 2.0
"""Time for the blocks of one form; no block begins later."""
FAR = 0.15
"""An exponent that differs from 1 by more is marked "less" or "more"."""
AXES = {
    "batch": (1, 4, 16, 64, 256, 1024),
    "size": (8, 16, 32, 64, 128),
    "channels": (4, 8, 16, 32, 64),
    "depth": (1, 2, 4, 8, 16),
}


class Form(NamedTuple):
    """One form of the network and its batch size; along an axis the other fields keep defaults."""

    batch: int = 64
    size: int = 32
    channels: int = 16
    depth: int = 2

    def model(self) -> Model:
        block: list[Layer] = [Conv2D(self.channels, 3, padding="same"), ReLU()]
        layers = [*block * self.depth, GlobalAvgPool2D(), Dense(10)]
        return Model(layers, input_shape=(3, self.size, self.size))


def side(batch: int, size: int, channels: int, depth: int, form: str) -> Training:
    """Return training steps of one form of the network, on noise."""
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((3, size, size, batch), "float32").transpose(3, 0, 1, 2)
    return Training(Form(batch, size, channels, depth).model(), x, rng.integers(0, 10, batch))


class Row(NamedTuple):
    """What a step of one form takes.

    value: of what the axis changes.
    batch: images of a step.
    seconds: of a step, the least of its blocks.
    calls: seconds of a step on one image of 3 x 3 pixels, where little is left to compute.
    operations: floating-point operations of the matrix products of im2col; other algorithms may
        need fewer.
    peak_mb: peak of the process's memory, in MiB.
    """

    value: int
    batch: int
    seconds: float
    calls: float
    operations: int
    peak_mb: float


def measure() -> Iterator[tuple[str, list[Row]]]:
    """Measure every form; yield axis after axis with its rows, the last is "threads"."""
    for axis, values in AXES.items():
        with closing(Runner("xpcnn.benchmark.growth")) as runner:
            yield axis, [row(runner, value, Form(**{axis: value})) for value in values]
    most = int(backend.load("numpy").describe()["threads"])
    rows = []
    for count in range(1, most + 1):
        environment = {"XPCNN_NUM_THREADS": str(count)}
        with closing(Runner("xpcnn.benchmark.growth", environment=environment)) as runner:
            rows.append(row(runner, count, Form()))
    yield "threads", rows


def row(runner: Runner, value: int, form: Form) -> Row:
    """Time one form."""
    runner.open(*form._replace(batch=1, size=3), seconds=0)
    calls = min(runner.alone).seconds  # not the median: other work on the machine can only add
    runner.open(*form, seconds=SECONDS)
    operations, _ = im2col_products(form.model(), form.batch, "train")
    seconds = min(runner.alone).seconds
    return Row(value, form.batch, seconds, calls, operations, runner.peak())


def page(found: Iterable[tuple[str, list[Row]]]) -> Iterator[str]:
    """Yield the tables in Markdown, each as soon as `found` has its rows."""
    usual = ", ".join(f"{name} {value}" for name, value in Form()._asdict().items())
    yield f"One training step; where not said otherwise, {usual}, all threads."
    batches: list[Row] = []
    for axis, rows in found:
        batches = rows if axis == "batch" else batches
        yield ""
        if axis == "threads":
            yield from markdown(
                ("threads", *THREADS_HEAD), map(partial(thread_cells, rows[0]), rows)
            )
        else:
            yield from markdown((axis, *HEAD), map(cells, [None, *rows], rows))
    before, last = batches[-2:]
    slope = (last.peak_mb - before.peak_mb) / (last.batch - before.batch)
    yield ""
    yield (
        f"Memory against batch: {last.peak_mb - slope * last.batch:.0f} MiB and {slope:.2f} MiB "
        "per image (a line through the last two rows)."
    )


HEAD = ("ms per image", "exponent", "calls", "GFLOP/s", "peak MiB", "not linear")
THREADS_HEAD = ("ms per image", "times as fast as one", "GFLOP/s", "peak MiB")


def cells(before: Row | None, row: Row) -> Iterator[str]:
    """Yield the cells of a row; `before` is the row above it, None for the first."""
    yield from (str(row.value), f"{1e3 * row.seconds / row.batch:.3f}")
    yield "" if before is None else f"{exponent(before, row):.2f}"
    yield f"{row.calls / row.seconds:.0%}"
    yield from (f"{row.operations / row.seconds / 1e9:.0f}", f"{row.peak_mb:.0f}")
    yield "" if before is None else remark(exponent(before, row), before.calls / before.seconds)


def exponent(before: Row, row: Row) -> float:
    """Return p of time = operations^p between two rows: 1 if time is proportional to operations."""
    return math.log(row.seconds / before.seconds) / math.log(row.operations / before.operations)


def remark(power: float, calls: float) -> str:
    """Return why time is not proportional to operations. calls: their share in the row before."""
    if power > 1 + FAR:
        return "more: caches"
    if power < 1 - FAR:
        return "less: calls" if calls > FAR else "less"
    return ""


def thread_cells(one: Row, row: Row) -> Iterator[str]:
    """Yield the cells of a row of the table of threads."""
    yield from (str(row.value), f"{1e3 * row.seconds / row.batch:.3f}")
    yield f"{one.seconds / row.seconds:.2f}"
    yield from (f"{row.operations / row.seconds / 1e9:.0f}", f"{row.peak_mb:.0f}")


def markdown(head: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    serve(side)
