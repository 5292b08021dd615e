"""The method of each convolution and direction: the one that was timed as the fastest.

The first time that it is computed, the engines that cuDNN proposes and our own methods run a few
times each, on the very arrays: with ReLU, pooling and bias, and with the copies of engines that
want another order of memory. From then on the fastest one runs. Only timing waits for the device,
and none can be in the capture of a CUDA graph: a step runs once before it is captured. No GPU has
run this.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from . import direct, patches
from .conv_choices import Choice, Choices, Engine
from .conv_rule import Method
from .cuda import Cuda, source
from .cudnn import CudnnError

RUNS, BLOCKS = 5, 3  # of a method that is timed: its time is that of the fastest block
FAR = 2.0
"""A method more than FAR times as slow as the fastest one so far gets no further block."""

OWN: dict[str, Method] = {"direct": direct, "patches": patches}
SOURCES = ("conv.cu", "orders.cu", "patches.cu", "pool.cu", "product.cu")
"""What our own methods and what surrounds an engine are made of."""

Candidates = Callable[[Engine | None], Iterator[tuple[Engine, Method]]]
"""The engines of cuDNN for a convolution, all that may be tried or only a known one."""


class Autotuner:
    """What was chosen before on this device, and what will be.

    device: what tells it from others, such as {"card": "NVIDIA H200", "driver": "13.0"}.
    """

    def __init__(self, cuda: Cuda, device: Mapping[str, str]) -> None:
        self._cuda = cuda
        kernels = hashlib.sha256("".join(map(source, SOURCES)).encode()).hexdigest()[:16]
        products = "product.cu" if cuda.has_own_products else "cuBLAS"
        self.choices = Choices({**device, "kernels": kernels, "products": products})
        self._chosen: dict[Any, Method] = {}

    def fastest(self, case: Any, engines: Candidates, run: Callable[[Method], Any]) -> Method:
        """Return the method of a case, by timing all of them if none is known.

        case: what tells it from others, also as text.
        run: computes it by a method.

        Raises:
            MemoryError, RuntimeError: all methods failed; or a stream is captured.
        """
        if case not in self._chosen:
            known = self.choices.known.get(str(case))
            again = None if known is None else _again(known, engines)
            self._chosen[case] = again or self._timed_best(case, engines, run)
        return self._chosen[case]

    def _timed_best(self, case: Any, engines: Candidates, run: Callable[[Method], Any]) -> Method:
        if self._cuda.is_capturing():
            raise RuntimeError(f"the method for {case} is not chosen yet")
        methods: list[tuple[str | Engine, Method]] = [*engines(None), *OWN.items()]
        best: tuple[Choice, Method] | None = None
        failure: Exception | None = None
        for name, method in methods:
            try:
                least = None if best is None else best[0].milliseconds
                milliseconds = self._milliseconds(partial(run, method), least)
            except (CudnnError, MemoryError) as error:
                failure = error
                continue
            if best is None or milliseconds < best[0].milliseconds:
                best = Choice(name, milliseconds), method
        if best is None:
            assert failure is not None
            raise failure
        self.choices.keep(str(case), best[0])
        return best[1]

    def _milliseconds(self, run: Callable[[], Any], least: float | None) -> float:
        """Return the milliseconds of a run, after one that loads its kernels.

        least: those of the fastest method so far.
        """

        def runs(number: int) -> None:
            for _ in range(number):
                run()

        runs(1)
        shortest = float("inf")
        for _ in range(BLOCKS):
            shortest = min(shortest, self._cuda.milliseconds(lambda: runs(RUNS)) / RUNS)
            if least is not None and shortest > FAR * least:
                break
        return shortest


def _again(known: Choice, engines: Candidates) -> Method | None:
    """Return the method of an earlier choice, if there still is one."""
    if isinstance(known.method, str):
        return OWN[known.method]
    return next((method for _, method in engines(known.method)), None)
