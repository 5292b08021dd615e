"""The time of a network's matrix products alone: the least that im2col convolutions can take."""

import math
from time import perf_counter

import numpy

from xpcnn.model import Model
from xpcnn.summary import summarize


def im2col_products(model: Model, batch: int, mode: str) -> tuple[int, float]:
    """Return the floating-point operations of a step, and the seconds of its im2col products.

    Every layer with weights is y (m, n) = W (m, k) @ columns (k, n); in training also
    dW = dy @ columns^T and, except for the first layer, W^T @ dy. Timed on at most 2^15 columns and
    one thread, as if threads shared the work without loss.
    """
    shapes = [
        (row.output_shape[0], row.multiply_adds // math.prod(row.output_shape), row.output_shape)
        for row in summarize(model.layers, model.input_shape).rows
        if row.multiply_adds
    ]
    flop, seconds = 0, 0.0
    threads = model.backend.describe()["threads"]
    share = 1 / int(threads) if threads.isdecimal() else 1.0
    for i, (m, k, out) in enumerate(shapes):
        n = batch * math.prod(out[1:])
        width = min(n, 1 << 15)
        w, y = numpy.ones((m, k), "float32"), numpy.ones((m, width), "float32")
        columns = numpy.ones((k, width), "float32")
        wanted = [(w, columns), (y, columns.T), (w.T, y)]
        count = 1 if mode == "inference" else 2 if i == 0 else 3
        flop += 2 * m * k * n * count
        with model.backend.session():  # in which the BLAS has one thread
            seconds += share * sum(product_time(a, b) for a, b in wanted[:count]) * n / width
    return flop, seconds


def sgemm(size: int = 1024) -> float:
    """Return the GFLOP/s of one large product, with the threads of the BLAS."""
    a = numpy.ones((size, size), "float32")
    return 2 * size**3 / product_time(a, a) / 1e9


def product_time(a: numpy.ndarray, b: numpy.ndarray) -> float:
    """Return the least seconds of a @ b in seven repeats."""
    out = numpy.empty((a.shape[0], b.shape[1]), a.dtype)
    times = []
    for _ in range(7):
        start = perf_counter()
        numpy.matmul(a, b, out=out)
        times.append(perf_counter() - start)
    return min(times)
