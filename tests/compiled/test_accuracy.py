"""Long sums of the kernels in C round no more than a sum in blocks does.

A sum of k numbers, one after the other, takes k roundings, each of a part of the sum that is longer
by one: an error in proportion to the root of k. In blocks of about the root of k numbers, whose
sums are then added up, it is one in proportion to the fourth root.
"""

import math
from typing import Any

import numpy
import pytest

from tests.compiled.support import compiled, require_compiler
from tests.lib import Host, plain_kernels

RNG = numpy.random.default_rng(0)

# A kernel's blocks may be longer or shorter: for 2,304 numbers they are 24 of 96 and not 48 of 48,
# which makes the error sqrt((24 + 96) / (48 + 48)) = 1.12 times as large; the rest is chance.
FACTOR = 1.25


@pytest.fixture(autouse=True)
def _compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    require_compiler()
    monkeypatch.setenv("XPCNN_WINOGRAD", "off")  # whose roundings test_winograd.py bounds


def normal(*shape: int) -> Host:
    return RNG.standard_normal(shape).astype("float32")


def error(got: Host, exact: Host) -> float:
    """Return the root mean square of the errors, in parts of that of the numbers."""
    return math.sqrt(((got - exact) ** 2).mean() / (exact**2).mean())


def in_blocks(count: int) -> float:
    """Return the error of sums of so many random products in blocks."""
    terms, block = normal(count, 400) * normal(count, 400), math.isqrt(count)
    total = numpy.zeros(400, "float32")
    for start in range(0, count, block):
        part = numpy.zeros(400, "float32")
        for row in terms[start : start + block]:
            part += row
        total += part
    return error(total, terms.astype("float64").sum(axis=0))


# op, arrays, options, how many numbers each entry of y and of every gradient is a sum of, if many
Case = tuple[str, list[Host], dict[str, Any], list[int]]
CASES: list[Case] = [
    ("conv2d", [normal(4, 256, 5, 5), normal(64, 256, 3, 3), normal(64)], {}, [2304, 0, 0, 0]),
    ("conv2d", [normal(4, 4, 5, 5), normal(256, 4, 3, 3)], {"padding": 1}, [0, 1600, 0]),
    ("conv2d", [normal(64, 3, 19, 18), normal(16, 3, 3, 3), normal(16)], {}, [0, 0, 17408, 17408]),
    ("conv2d", [normal(5, 3, 66, 66), normal(16, 3, 3, 3), normal(16)], {}, [0, 0, 20480, 20480]),
    ("conv2d", [normal(64, 16, 19, 17), normal(8, 16, 1, 1), normal(8)], {}, [0, 0, 20672, 20672]),
    ("conv2d", [normal(4, 16, 5, 5), normal(2304, 16, 1, 1)], {}, [0, 2304, 0]),
    ("dense", [normal(16, 4096), normal(4096, 32), normal(32)], {}, [4096, 0, 0, 0]),
    ("dense", [normal(4096, 16), normal(16, 64), normal(64)], {}, [0, 0, 4096, 4096]),
    ("avg_pool2d", [normal(16, 32, 32, 32)], {"size": 32}, [1024, 0]),
    ("batch_norm", [normal(64, 16, 16, 16), normal(16), normal(16)], {}, [0, 0, 16384, 16384]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {max(case[3])}")
def test_long_sums(case: Case) -> None:
    op, arrays, options, counts = case

    def results(kernels: Any, dtype: str) -> list[Host]:
        y, pullback = kernels[op](*(x.astype(dtype) for x in arrays), **options)
        y = y[0] if isinstance(y, tuple) else y
        dy = numpy.random.default_rng(1).standard_normal(y.shape).astype("float32")
        return [y, *pullback(dy.astype(dtype))]

    got, exact = results(compiled.KERNELS, "float32"), results(plain_kernels(), "float64")
    for x, wide, count in zip(got, exact, counts, strict=False):
        if count:
            assert error(x, wide) <= FACTOR * in_blocks(count)
