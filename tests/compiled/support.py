"""The kernels in C as their tests call them: directly, cut as a test says, between guards.

Numbers are small whole ones: then float32 is exact, in any order of summation, and results must
equal those of the references to the last bit.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest import mock

import numpy
import pytest

from tests.conformance.case_results import numpy_kernels
from tests.lib import Host
from xpcnn import ops

PACKAGE = "xpcnn.backends.numpy_kernels.compiled"
compiled: Any = import_module(PACKAGE)
library: Any = import_module(f"{PACKAGE}.shared_library")
pointwise: Any = import_module(f"{PACKAGE}.pointwise")
ROOMS = (
    *(
        "conv",
        "conv_1x1",
        "depthwise",
        "dropping",
        "direct",
        "linear",
        "loss",
        "norm",
        "optimizer",
    ),
    *("pointwise", "pool", "resize", "sample_norm", "sampling", "winograd"),
)
CALLERS = [import_module(f"{PACKAGE}.{name}") for name in ROOMS]

BATCHES = (1, 3, 7, 8, 9, 16, 17, 64, 65)  # around the numbers in a vector: 8 or 16
CHANNELS = (1, 2, 3, 4, 5, 6, 7, 10, 11, 16, 17)  # around the rows of a tile: 1 to 5

Rng = numpy.random.Generator


def require_compiler() -> None:
    """Skip a test on a machine without a C compiler; one that fails is no reason to."""
    found = library.load()
    if found.calls is None:
        if "there is no C compiler" in found.status:
            pytest.skip("C compiler: not installed")
        if "XPCNN_COMPILER=none" in found.status:
            pytest.skip("C compiler: XPCNN_COMPILER=none")
        pytest.fail(found.status)


def whole(rng: Rng, *shape: int) -> Host:
    """Draw small whole numbers."""
    return rng.integers(-4, 5, shape).astype("float32")


@contextmanager
def cut(pieces: int, threads: int) -> Iterator[None]:
    """Cut the work of every call into so many pieces, if it has the rows, for so many threads."""

    def sharing(length: int, size: int) -> tuple[int, int]:
        return min(length, pieces), threads

    with ExitStack() as stack:
        for module in CALLERS:
            stack.enter_context(mock.patch.object(module, "sharing", sharing))
        yield


class Box:
    """A copy of an array, in its memory order, between guards; gaps are as these are.

    A guard is made of NaN that arithmetic changes and that differ from box to box: a number that is
    computed or copied from the guard of one is seen in that of another.
    """

    GUARD = 256  # bytes

    def __init__(self, x: Host, number: int) -> None:
        low, high = numpy.lib.array_utils.byte_bounds(x)
        words = (2 * self.GUARD + high - low + 3) // 4
        self.bytes = numpy.full(words, 0x7F800001 + number, numpy.uint32).view(numpy.uint8)
        self.around = numpy.ones(len(self.bytes), bool)
        self.around[self.GUARD : self.GUARD + high - low] = False
        self.before = self.bytes[self.around]
        place = self.GUARD + x.ctypes.data - low
        self.inner: Host = numpy.ndarray(x.shape, x.dtype, self.bytes.data, place, x.strides)
        self.inner[...] = x

    def holds(self) -> bool:
        return numpy.array_equal(self.bytes[self.around], self.before)


@contextmanager
def guarded() -> Iterator[None]:
    """Give C functions copies between guards, and see that these stay; new arrays are not empty.

    What is read from a guard, or not written at all, is NaN.
    """
    call, empty = library.Call.__call__, numpy.empty

    def run(self: Any, *arguments: Any) -> None:
        boxes = {i: Box(a, i) for i, a in enumerate(arguments) if type(a) is numpy.ndarray}
        call(self, *(boxes[i].inner if i in boxes else a for i, a in enumerate(arguments)))
        for i, box in boxes.items():
            assert box.holds(), f"{self.name} writes beyond argument {i}"
            if box.inner.tobytes() != arguments[i].tobytes():
                arguments[i][...] = box.inner

    def full(*arguments: Any, **options: Any) -> Host:
        x: Host = empty(*arguments, **options)
        x.reshape(-1).view(numpy.uint8)[...] = 255
        return x

    with mock.patch.object(library.Call, "__call__", run), mock.patch.object(numpy, "empty", full):
        yield


def agree(op: str, arrays: list[Host | None], dy: Host | None = None, **options: Any) -> None:
    """Require of a kernel in C the bits of the reference in float64, forward and backward.

    NaN equals NaN. dy: whole numbers where it is not given.
    """
    with guarded():
        y, pullback = compiled.KERNELS[op](*arrays, **options)
        if dy is None:
            dy = whole(numpy.random.default_rng(1), *y.shape)
        gradients = pullback(dy)
    with numpy_kernels(present=False), numpy.errstate(all="ignore"):
        wide = [None if a is None else a.astype("float64") for a in arrays]
        expected, back = getattr(ops, op)(*wide, **options)
        wanted = back(dy.astype("float64"))
    same(y, expected, "y")
    for name, got, want in zip(("dx", "dw", "db"), gradients, wanted, strict=False):
        same(got, want, name)


def same(got: Host | None, expected: Host | None, what: str) -> None:
    """Require float32 with equal values; None where nothing is expected."""
    if got is None or expected is None:
        assert got is expected is None, what
        return
    assert got.dtype == numpy.float32, what
    numpy.testing.assert_array_equal(got, expected.astype("float32"), what, strict=True)
