"""The time of each method of convolution, by direction: our own two, and cuDNN's fastest engine.

Says up to which window direct sums are faster than products over patches, for `MOST_PRODUCTS` of
`backends/cupy_kernels/conv.py`.
"""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from itertools import takewhile
from math import inf, prod
from typing import Any

import numpy

from tests.gpu.section import Finding, Options, Skipped, TimeUp, told
from xpcnn.backend import Backend, kernel_for

BATCH, RUNS, BLOCKS = 128, 5, 3
PLACES = ((1, 8, 28, 5), (3, 16, 32, 5), (8, 16, 14, 5), (16, 16, 32, 3), (16, 32, 32, 3))
LARGER = ((32, 32, 16, 3), (64, 64, 8, 3), (128, 128, 8, 3), (256, 256, 4, 3))
"""Channels, filters, rows and columns of an image, and of a filter."""
QUICK = ((1, 2, 4, 3),)
WANTS = {"forward": None, "dx": (True, False, False), "dw": (False, True, True)}


def findings(options: Options) -> Iterator[Finding]:
    """Time all methods for windows of growing size, forward and for each gradient."""
    opened = options.open()
    kernel: Any = kernel_for(opened.from_host(numpy.zeros(1, "float32")), "conv2d")
    if options.backend != "cupy" or kernel is None:
        raise Skipped("there are no CUDA kernels to time")
    facts: list[dict[str, Any]] = []
    for place in QUICK if options.quick else (*PLACES, *LARGER):
        label = "{} channels, {} filters, {}x{} images, {}x{} windows".format(
            *place[:2], *place[2:3] * 2, *place[3:] * 2
        )
        try:
            options.check_time()
        except TimeUp:
            yield Finding(label, {"left out": "the time was used up"})
            continue
        found = told(label, partial(timed, label, place, kernel.args, opened))
        facts += [] if found.value is None else [found.value]
        yield found
    yield Finding(
        "largest window whose direct sums are faster than patches",
        {w: limit(facts, w) for w in WANTS},
    )


def limit(facts: list[dict[str, Any]], direction: str) -> int:
    """Return the elements of the last window before patches are faster, 0 if they always are."""
    ordered = sorted(facts, key=lambda fact: fact["window"])

    def is_direct(fact: dict[str, Any]) -> bool:
        return bool(fact[direction]["direct"] <= fact[direction]["patches"])

    return max((fact["window"] for fact in takewhile(is_direct, ordered)), default=0)


def timed(label: str, place: tuple[int, ...], given: tuple[Any, ...], opened: Backend) -> Finding:
    """Return milliseconds by direction and method."""
    cuda, *more = given
    conv_rule = import_module("xpcnn.backends.cupy_kernels.conv_rule")
    autotuner = import_module("xpcnn.backends.cupy_kernels.autotuner")
    channels, filters, size, taps = place
    shapes = (BATCH, channels, size, size), (filters, channels, taps, taps)
    window = 1, taps // 2, 1
    rule = conv_rule.rule_of(*shapes, *window, 1, (1, 1), False)
    rng = numpy.random.default_rng(0)
    x, w, b, dy = (
        opened.from_host(rng.standard_normal(shape).astype("float32"))
        for shape in (*shapes, (filters,), rule.out)
    )

    def run(method: Any, wants: tuple[bool, ...] | None) -> Any:
        if wants is None:
            return method.forward(cuda, rule, x, w, b, False)
        return method.backward(cuda, rule, conv_rule.Passed(dy, None, None), x, w, wants)

    fact: dict[str, Any] = {"window": prod(shapes[1][1:])}
    with opened.session():
        for direction, wants in WANTS.items():
            methods = dict(autotuner.OWN)
            times = {m: milliseconds(cuda, partial(run, of, wants)) for m, of in methods.items()}
            if more:
                engines = by_engines(more[0], direction, shapes, window)
                each = (milliseconds(cuda, partial(run, engine, wants)) for engine in engines)
                times["cuDNN"] = min(each, default=inf)
            fact[direction] = times
    return Finding(label, fact)


def by_engines(cudnn: Any, direction: str, shapes: Any, window: Any) -> Iterator[Any]:
    """Yield the methods of cuDNN's engines for a direction."""
    module = import_module("xpcnn.backends.cupy_kernels.cudnn_conv")
    convolution = module.passes("float32", False, *shapes, *window, True, False)[direction]
    return (module.ByEngine(cudnn, convolution, plan) for plan in cudnn.plans(convolution))


def milliseconds(cuda: Any, run: Callable[[], Any]) -> float:
    """Return the time of a run, after one that compiles."""

    def runs() -> None:
        for _ in range(RUNS):
            run()

    run()
    return float(min(cuda.milliseconds(runs) / RUNS for _ in range(BLOCKS)))
