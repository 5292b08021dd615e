"""The cases of the benchmark of kernels compute the same on both sides."""

import numpy
import pytest

from tests.bench import augment_sides, op_sides
from tests.bench.op_sides import CASES, Case, compare

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", CASES)
def test_both_sides_of_a_case_agree(name: str) -> None:
    compare(name, 2)


@pytest.mark.parametrize("name", augment_sides.CASES)
def test_all_ways_to_augment_agree(name: str) -> None:
    augment_sides.compare(name, 3)


def test_a_case_that_differs_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(op_sides.OPS, "relu", "silu")
    with pytest.raises(AssertionError, match="relu: result 0 is off by"):
        compare("relu", 2)


def test_arrays_are_laid_out_as_in_training() -> None:
    (x,) = op_sides.arrays(Case("relu", ((3, 4, 5),)), 8)
    assert (x.shape, x.strides[0]) == ((8, 3, 4, 5), numpy.float32().itemsize)
