"""Images between the orders of memory NCHW and NHWC, by a kernel that runs on the host."""

from importlib import import_module
from typing import Any

import numpy
import pytest

from tests import fake_cupy
from tests.fake_cupy import cupy_on_host
from xpcnn.backend import kernel_for

orders: Any = import_module("xpcnn.backends.cupy_kernels.orders")

SHAPES = [(2, 3, 4, 5), (3, 33, 8, 4), (1, 32, 1, 32), (2, 70, 5, 7), (4, 1, 3, 3), (4, 9, 1, 1)]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(
    "shape",
    [(2, 3, 4, 5), (3, 33, 8, 4), (1, 32, 1, 32), (2, 70, 5, 7), (4, 1, 3, 3), (4, 9, 1, 1)],
)
def test_there_and_back(shape: tuple[int, ...], dtype: str) -> None:
    library = cupy_on_host()
    x = numpy.arange(numpy.prod(shape)).astype(dtype).reshape(shape)
    kernel: Any = kernel_for(library.from_host(x), "relu")
    if kernel is None:
        pytest.skip("--no-kernels: nothing is launched")
    [cuda] = kernel.args
    fake_cupy.launches.clear()
    moved = orders.nhwc(cuda, library.from_host(x))
    back = orders.nchw(cuda, moved)
    is_the_same = 1 in (shape[1], shape[2] * shape[3])
    assert fake_cupy.launches == ([] if is_the_same else ["transpose"] * 2)
    assert moved.flags.c_contiguous
    assert moved.dtype == dtype
    numpy.testing.assert_array_equal(library.to_host(moved), x.transpose(0, 2, 3, 1))
    numpy.testing.assert_array_equal(library.to_host(back), x)
