"""Captures that stand for CUDA graphs: what a stream notes, and what it refuses.

While a stream captures, kernels do not run: their launches are noted. CuPy's own functions compute
here, as NumPy has to make their results, but of memory that nobody has filled, so that what a
capture forgets stays poisoned; a launch of the graph repeats all that was noted. As in CuPy, a
product by cuBLAS, a copy of host values and a wait for the device are refused; other threads, whose
current stream is another, work on.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy

Note = tuple[Callable[[], Any], Any]

here = threading.local()
"""`notes`: what the stream that captures in this thread has noted; None while none does."""

PRODUCTS = {"dot", "einsum", "matmul", "tensordot", "vecdot"}


def notes() -> list[Note] | None:
    return getattr(here, "notes", None)


def is_on() -> bool:
    return notes() is not None


def note(repeat: Callable[[], Any], result: Any) -> None:
    """Note what is done again by each launch, and the arrays that get its results."""
    if (noted := notes()) is not None:
        noted.append((repeat, result))


def check_function(name: str) -> None:
    if is_on() and name in PRODUCTS:
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )


def check_transfer(what: str) -> None:
    if is_on():
        raise RuntimeError(f"{what} is not allowed during stream capture")


class Graph:
    """Stands for cupy.cuda.Graph."""

    def __init__(self, noted: list[Note]) -> None:
        self.notes = noted

    def launch(self) -> None:
        with numpy.errstate(all="ignore"):
            for repeat, result in self.notes:
                _put(repeat(), result)


def _put(value: Any, result: Any) -> None:
    """Write the values of a call into the arrays that its capture returned."""
    if isinstance(result, tuple | list):
        for inner, at in zip(value, result, strict=True):
            _put(inner, at)
    elif isinstance(result, numpy.ndarray):
        result.view(numpy.ndarray)[...] = value
