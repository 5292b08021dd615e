"""`examples/cifar10_airbench.py` against its PyTorch version: time and accuracy, alternating.

Both train from the same weights on the same files. The time is from images in memory to the
accuracy on the test images, in one process; a first run of each, which compiles kernels and chooses
algorithms, is left out.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import xpcnn
from tests.gpu.networks import images
from tests.gpu.section import ROOT, Finding, Options, Skipped, TimeUp, told
from tests.gpu.timing import OURS, torch_device
from xpcnn.backend import Backend
from xpcnn.data import Dataset

Parts = tuple[Dataset, Dataset]

ROUNDS = 4
MOST_BELOW = 0.003
"""So far may the mean accuracy be below PyTorch's."""

THEIRS = "PyTorch"


def findings(options: Options) -> Iterator[Finding]:
    """Compare both in float32, without TF32, and in float16 with automatic mixed precision."""
    backend = options.open()
    device = torch_device(backend)
    for dtype in ("float32", "float16"):
        yield told(dtype, partial(compared, dtype, parts(options), backend, device, options))


def parts(options: Options) -> Parts:
    """Return training and test images: of CIFAR-10, or a few others."""
    if options.quick:
        few = images((3, 32, 32), 10, 48)
        return few.subset(range(32)), few.subset(range(32, 48))
    if options.data is None:
        raise Skipped("--data says where the data sets are")
    return xpcnn.data.load("cifar10", data_dir=str(Path(options.data) / "cifar10"))


def compared(
    dtype: str, data: Parts, backend: Backend, device: str | None, options: Options
) -> Finding:
    """Return seconds and accuracies of each side, and the ratio of the median seconds."""
    sys.path.append(str(ROOT / "examples"))
    example = import_module("cifar10_airbench")
    training = example.TRAINING
    network: dict[str, Any] = {}
    if options.quick:
        training, network = replace(training, epochs=2, batch_size=16), {"widths": (4, 4, 4)}

    notes: list[str] = []  # why there was no CUDA graph

    def ours(seed: int) -> Callable[[], float]:
        model = example.model_for(data[0], seed, backend=backend, dtype=dtype, **network)

        def run() -> float:
            notes.extend(model.fit(data[0], training, health=False).notes)
            return float(example.accuracy(model, data[1]))

        return run

    def theirs(seed: int) -> Callable[[], float]:
        from tests.gpu.airbench_torch import Airbench

        assert device is not None
        side = Airbench(example.model_for(data[0], seed, dtype=dtype, **network), training, device)

        def run() -> float:
            side.fit(data[0])
            return side.accuracy(*data)

        return run

    sides = {OURS: ours} if device is None else {OURS: ours, THEIRS: theirs}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    accuracies: dict[str, list[float]] = {name: [] for name in sides}
    try:
        for seed in range(1 if options.quick else ROUNDS + 1):
            for name, side in sides.items():
                options.check_time()
                run = side(seed)
                start = perf_counter()
                accuracies[name].append(run())
                seconds[name].append(perf_counter() - start)
    except TimeUp:
        pass  # what was measured until then
    fact, problem = figures(seconds, accuracies, options)
    return Finding(dtype, fact | {"notes": sorted(set(notes))}, problem)


def figures(
    seconds: dict[str, list[float]], accuracies: dict[str, list[float]], options: Options
) -> tuple[dict[str, Any], str | None]:
    """Return the fact without the first round, and what is wrong with it."""
    first = 0 if options.quick else 1
    fact: dict[str, Any] = {"seconds": seconds, "accuracies": accuracies}
    if any(len(values) <= first for values in seconds.values()):
        return fact | {"left out": "the time was used up"}, None
    means = {name: mean(values[first:]) for name, values in accuracies.items()}
    fact["mean accuracies"] = means
    if THEIRS not in means or options.backend != "cupy":
        return fact, None  # a rehearsal's times are no measurement
    times = {name: median(values[first:]) for name, values in seconds.items()}
    fact["times as fast as PyTorch"] = times[THEIRS] / times[OURS]
    below = means[THEIRS] - means[OURS]
    problem = f"the mean accuracy is {below:.2%} below PyTorch's"
    return fact, problem if below > MOST_BELOW and not options.quick else None
