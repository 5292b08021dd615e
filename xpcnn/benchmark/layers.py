"""The time of each layer, beside the limits of the machine: `xpcnn bench --layers`.

A layer can be limited by arithmetic or by memory. So beside its time stand its GFLOP/s, as a part
of those of one large matrix product, and the GB/s of the arrays that it has to read and write, as
a part of those of copying large arrays. Where both parts are small, neither is the limit. Above 1
are the first part where Winograd's algorithm needs fewer products than are counted, and the second
where arrays are still in a cache.
"""

import json
import math
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy

from xpcnn.backend import load
from xpcnn.benchmark.process import python, search_path
from xpcnn.benchmark.products import sgemm
from xpcnn.benchmark.sides import Peer
from xpcnn.layers import Context
from xpcnn.layers.rebuilding import Wrapper, rebuilt
from xpcnn.model import Model
from xpcnn.models import preset
from xpcnn.summary import Row
from xpcnn.training.recipe import random_source
from xpcnn.types import Array, LayerPullback, Params

PASSES = 7
"""Of them, the shortest time of each layer counts."""

COPIED = 2**26
"""Bytes of the array by which the bandwidth of memory is measured: larger than caches."""


@dataclass(frozen=True)
class Timed(Wrapper):
    """A layer that notes how long it takes: (path, direction) -> the least seconds."""

    seconds: dict[tuple[str, str], float]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        start = time.perf_counter()
        y, buffers, pullback = self.layer.forward(params, buffers, x, ctx)
        self._note(ctx.path, "forward", start)

        def backward(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            start = time.perf_counter()
            found = pullback(dy, want_dx)
            self._note(ctx.path, "backward", start)
            return found

        return y, buffers, backward

    def _note(self, path: str, direction: str, start: float) -> None:
        seconds = time.perf_counter() - start
        self.seconds[path, direction] = min(seconds, self.seconds.get((path, direction), math.inf))


class Limits(NamedTuple):
    """What the machine can do: GFLOP/s of a large product, GB/s of copying large arrays."""

    gflops: float
    gb_per_second: float


def measure(
    name: str, batch: int = 64, peer: Peer | None = None
) -> tuple[Limits, list[dict[str, Any]]]:
    """Return the machine's limits, and a row of figures for each layer and direction of a preset.

    Each layer runs by itself, as in training, on batches of noise; layers that training runs as one
    op, such as convolution and ReLU, are timed apart. part_of_peak, part_of_bandwidth: of the
    limits. torch_ms: the peer's time, None where it has none.
    """
    chosen = preset(name)
    model = Model(chosen.layers, input_shape=chosen.input_shape, loss=chosen.loss)
    seconds: dict[tuple[str, str], float] = {}
    layers = rebuilt(
        model.layers,
        lambda layer: layer if hasattr(layer, "children") else Timed(layer, seconds),
    )
    draw = numpy.random.default_rng(0)
    c, h, w = model.input_shape
    x = draw.standard_normal((c, h, w, batch), "float32").transpose(3, 0, 1, 2)  # batch-last
    source = random_source(model.network, 0)
    with model.backend.session():
        for number in range(1, PASSES + 1):
            ctx = Context(True, True, number, source)
            scores, _, pullback = layers.forward(model.params, model.buffers, x, ctx)
            pullback(numpy.ones_like(scores))
    product, theirs = (0.0, {}) if peer is None else _of_peer(peer, name, batch)
    found_limits = limits()
    peak, bandwidth = max(found_limits.gflops, product), found_limits.gb_per_second
    rows = model.summary().rows
    first = min(i for i, row in enumerate(rows) if row.parameters)
    found = []
    for i, row in enumerate(rows):
        for direction in ("forward", "backward"):
            if (row.path, direction) not in seconds:
                continue  # nothing before this layer has parameters
            products = 1 if direction == "forward" else 1 + (i > first)
            figures = _figures(row, direction, seconds[row.path, direction], batch, products)
            figures["part_of_peak"] = figures["gflops"] / peak
            figures["part_of_bandwidth"] = figures["gb_per_second"] / bandwidth
            least = theirs.get(row.path, {}).get(direction, math.inf)
            figures["torch_ms"] = 1e3 * least if least < math.inf else None
            found.append({"model": name, **figures})
    return Limits(peak, bandwidth), found


def limits() -> Limits:
    """Measure the machine's limits, the product with NumPy's BLAS."""
    return Limits(sgemm(2048), _bandwidth())


def _of_peer(peer: Peer, name: str, batch: int) -> tuple[float, dict[str, dict[str, float]]]:
    """Return GFLOP/s of the peer's product, and its seconds by layer and direction."""
    command = python("-m", peer.layers, name, str(batch))
    done = subprocess.run(command, env=search_path(), stdout=subprocess.PIPE, check=True, text=True)
    answer = json.loads(done.stdout)
    return answer["product"], answer["seconds"]


def _figures(row: Row, direction: str, seconds: float, batch: int, products: int) -> dict[str, Any]:
    """Return the figures of one layer in one direction.

    products: of the size of the forward pass; backward these are dw and, with a second one, dx.
    """
    x, y = math.prod(row.input_shape) * batch, math.prod(row.output_shape) * batch
    numbers = x + y + row.parameters  # that are read or written; backward these are x, dy and dw
    if products == 2:
        numbers += x + row.parameters  # dx and w
    moved = 4 * numbers
    return {
        "layer": row.path,
        "type": row.type,
        "direction": direction,
        "ms": 1e3 * seconds,
        "gflops": 2 * row.multiply_adds * batch * products / seconds / 1e9,
        "mbytes": moved / 1e6,
        "gb_per_second": moved / seconds / 1e9,
    }


def _bandwidth() -> float:
    """Return the GB/s, read and written, at which all cores of the process copy arrays."""
    threads = load().describe()["threads"]
    count = int(threads) if threads.isdecimal() else 1
    arrays = [(numpy.ones(COPIED // 8), numpy.empty(COPIED // 8)) for _ in range(count)]
    best = math.inf
    with ThreadPoolExecutor(count) as pool:
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(lambda pair: numpy.copyto(pair[1], pair[0]), arrays))
            best = min(best, time.perf_counter() - start)
    return 2 * COPIED * count / best / 1e9
