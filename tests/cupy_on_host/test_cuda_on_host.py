"""Kernels on the host: what a launch computes, and that each kind of mistake is seen."""

from typing import Any

import numpy
import pytest

from tests import cuda_on_host
from tests.cuda_on_host import arrays
from tests.fake_cupy import RawKernel

SOURCE = """#define SIZES {4, -2}
extern "C" __global__ void reversed(const float *x, float *y, int shift) {
    __shared__ float part[4];
    part[threadIdx.x] = x[blockIdx.x * 4 + threadIdx.x];
    __syncthreads();
    y[(int)(blockIdx.x * 4 + threadIdx.x) + shift] = part[3 - threadIdx.x];
}

extern "C" __global__ void unsynchronised(const float *x, float *y) {
    __shared__ float part[4];
    part[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = part[3 - threadIdx.x];
}

extern "C" __global__ void stale(const float *x, float *y) {
    __shared__ float part[4];
    if (blockIdx.x == 0) part[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[blockIdx.x * 4 + threadIdx.x] = part[threadIdx.x];
}

extern "C" __global__ void divergent(unsigned limit) {
    if (threadIdx.x < limit) __syncthreads();
}

extern "C" __global__ void careless(const float *x) { *(float *)x = 1; }

struct Sizes { int a, b; };
extern "C" __global__ void constants(int *y) {
    const Sizes sizes = SIZES;
    *y = 10 * sizes.a + sizes.b;
}

struct Pair { int a; float b; };
extern "C" __global__ void by_value(Pair pair, unsigned long long n, float *y) {
    y[0] = pair.a + pair.b + n;
}
"""

PAIR = numpy.dtype([("a", numpy.int32), ("b", numpy.float32)])


def launch(name: str, blocks: int, *arguments: Any) -> None:
    RawKernel(SOURCE, name)((blocks,), (4,), arguments)


def test_a_launch() -> None:
    x, y = arrays.from_host(numpy.arange(8, dtype="float32")), arrays.empty((8,), "float32")
    launch("reversed", 2, x, y, numpy.int32(0))
    assert y.tolist() == [3, 2, 1, 0, 7, 6, 5, 4]


def test_constants_before_a_source() -> None:
    y = arrays.empty((), "int32")
    launch("constants", 1, y)
    assert int(y) == 38
    RawKernel(SOURCE.replace("4, -2", "1, 0"), "constants")((1,), (1,), (y,))
    assert int(y) == 10
    library, _ = cuda_on_host.compiled(SOURCE)  # as the compiler of a GPU sees them
    host = numpy.zeros((), numpy.int32)
    cuda_on_host.Kernel(library, "constants")((1,), (1,), (host,), descending=False)
    assert host == 38


def test_values_and_null_pointers() -> None:
    y = arrays.empty((1,), "float32")
    launch("by_value", 1, numpy.array((3, 0.5), PAIR), numpy.uint64(7), y)
    assert y.tolist() == [10.5]
    with pytest.raises(RuntimeError, match="not all threads"):
        launch("divergent", 1, numpy.uint32(2))
    launch("divergent", 1, numpy.uint32(4))
    launch("divergent", 1, numpy.uint32(0))


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_write_beyond_the_array_is_seen(shift: int) -> None:
    x, y = arrays.from_host(numpy.ones(8, "float32")), arrays.empty((8,), "float32")
    with pytest.raises(AssertionError, match="reversed writes beyond an array"):
        launch("reversed", 2, x, y, numpy.int32(shift))


def test_a_race_is_seen() -> None:
    x, y = arrays.from_host(numpy.arange(4, dtype="float32")), arrays.empty((4,), "float32")
    with pytest.raises(AssertionError, match="threads race"):
        launch("unsynchronised", 1, x, y)


def test_shared_memory_of_another_block_is_poison() -> None:
    x, y = arrays.from_host(numpy.ones(4, "float32")), arrays.empty((8,), "float32")
    launch("stale", 2, x, y)
    assert numpy.isnan(arrays.on_host(y)).tolist() == [False] * 4 + [True] * 4


def test_a_write_into_what_is_only_read_is_seen() -> None:
    x = arrays.from_host(numpy.zeros(1, "float32"))
    with pytest.raises(AssertionError, match="careless writes into what it only reads"):
        launch("careless", 1, x)


F4, F8 = numpy.zeros(8, "float32"), numpy.zeros(8, "float64")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((F8, F4, numpy.int32(0)), "expected an array of float32, got ndarray float64"),
        ((F4, numpy.float32(0), numpy.int32(0)), "expected an array of float32, got float32"),
        ((F4, F4[::-1], numpy.int32(0)), "an array that is not contiguous"),
        ((F4, F4, 0), "expected i4, got int"),
        ((F4, F4, numpy.int64(0)), "expected i4, got int64"),
        ((F4, F4, None), "expected i4, got NoneType"),
    ],
)
def test_an_argument_of_another_type_is_refused(arguments: Any, message: str) -> None:
    kernel = cuda_on_host.kernels(SOURCE)["reversed"]
    with pytest.raises(TypeError, match=message):
        kernel((1,), (4,), arguments, descending=False)


def test_too_few_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        cuda_on_host.kernels(SOURCE)["reversed"]((1,), (4,), (F4, F4), descending=False)


def test_a_struct_of_another_size_is_refused() -> None:
    kernel = cuda_on_host.kernels(SOURCE)["by_value"]
    with pytest.raises(TypeError, match="expected V8, got ndarray int32"):
        kernel((1,), (4,), (numpy.array(3, "int32"), numpy.uint64(7), F4), descending=False)


def test_arrays_of_the_device_meet_none_of_the_host() -> None:
    x = arrays.from_host(numpy.ones((2, 3)))
    with pytest.raises(TypeError, match="add: Unsupported type"):
        x + numpy.ones((2, 3))
    xp = arrays.namespace
    for y in (x + 1, xp.sum(x), x[0, 0], xp.where(x > 0, x, 0.0), xp.concat([x, x]), -x, x.T):
        assert type(y) is arrays.ndarray


def test_waits_for_the_device_are_noted() -> None:
    x = arrays.from_host(numpy.ones(()))
    arrays.waits.clear()
    assert x > 0
    assert (float(x), int(x), x.item()) == (1.0, 1, 1.0)
    assert arrays.waits == ["bool", "float", "int", "item"]
