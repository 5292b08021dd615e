"""Calls of C that are made again by one call."""

from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compiled.support import PACKAGE, library, require_compiler

repeated: Any = import_module(f"{PACKAGE}.repeated")
POINTWISE = library.Call("pointwise", "tppo ff llll", "sum")
ADD = numpy.array("add", "S32")
PRODUCT = library.Call("matrix_product", "pppo llllll f ll", "product")
ENTROPY = library.Call("cross_entropy", "ppppooo ll ll")


@pytest.fixture(autouse=True)
def _kernels() -> None:
    require_compiler()


def ones() -> Any:
    return numpy.ones(3, "float32")


def add(a: Any, y: Any) -> tuple[Any, tuple[Any, ...]]:
    return POINTWISE, (ADD, a, a, y, 0.0, 0.0, 1, 3, 1, 1)


def without_memory() -> tuple[Any, tuple[Any, ...]]:
    """Return a product with tables of 2 k numbers for the taps."""
    x, k = ones(), 1 << 55
    return PRODUCT, (x, x, None, x, 1, 1, 1, k, 1, False, 0.0, 1, 1)


def test_in_order() -> None:
    x, y, z = ones(), ones(), ones()
    calls = repeated.Repeated([add(x, y), add(y, z), add(z, z)])
    for _ in range(2):
        assert calls() is None
        assert (z == 8).all()
    x[:] = 0.5
    assert calls() is None
    assert (z == 4).all()


def test_arguments_may_change() -> None:
    x, y, other = ones(), ones(), ones() + 1
    calls = repeated.Repeated([add(x, x), add(x, y)])
    calls.words[11] = calls.words[12] = library.address(other)
    assert calls() is None
    assert (y == 4).all()


def test_no_more_after_one_that_fails() -> None:
    x, y, z = ones(), ones(), ones()
    labels = numpy.array([0, 3, 0])
    wrong = ENTROPY, (x, None, None, labels, ones(), ones(), ones(), 1, 3, 1, 1)
    calls = repeated.Repeated([add(x, y), wrong, without_memory(), add(x, z)])
    assert calls() is NotImplemented
    labels[:] = 0
    with pytest.raises(MemoryError, match="product: 576,460,752,303,423,488 bytes of memory"):
        calls()
    assert (y == 2).all()
    assert (z == 1).all()
