"""Compile and launch the kernels of `.cu` files; checks and layouts that all of them share.

The kernels read arrays in C order, (n, c, h, w); other orders are copied first. Most are compiled
for float32 and for float16, in which images and matrices then are; what they compute with, and what
is not an image or a matrix, such as statistics, is float32 in any case. Other dtypes, arrays
without elements and those with 2^31 of them are left to the references. Nothing waits for the
device.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy

Array: TypeAlias = Any

SOURCES = Path(__file__).parents[1] / "kernels"
THREADS = 256  # of a block, for one thread per element
TF32 = 7  # CuPy's number, COMPUTE_TYPE_TF32


def source(file: str) -> str:
    """Return the text of a file with its includes inserted: CuPy's cache ignores included files."""
    text = (SOURCES / file).read_text(encoding="utf-8")
    return re.sub(r'^#include "(.+)"$', lambda name: source(name[1]), text, flags=re.MULTILINE)


class Cuda:
    """The kernels of one CuPy; a file is compiled when one of its kernels is first launched.

    has_own_products: whether products of matrices are by `product.cu` too, in place of CuPy's.
    dtype: of the images and matrices that the kernels read and write.
    """

    def __init__(self, cupy: Any, *, has_own_products: bool = False) -> None:
        self._cupy, self.has_own_products = cupy, has_own_products
        self.array_type: type = cupy.ndarray
        self.dtype = "float32"
        self._kernels: dict[tuple[str, str, str], Any] = {}
        self._constants = ""

    def compiled_for(self, constants: str) -> "Cuda":
        """Return the same kernels, compiled with `constants`, lines of #define, before a source."""
        special = copy(self)
        special._constants += constants
        return special

    def like(self, x: Array) -> "Cuda":
        """Return the same kernels for images and matrices of the dtype of x, float32 or float16.

        New arrays are of that dtype, too.
        """
        if x.dtype == FLOAT32:
            return self
        special = self.compiled_for("#define FLOAT16\n")
        special.dtype = "float16"
        return special

    def each(self, file: str, kernel: str, count: int, *arguments: Any) -> None:
        """Launch one thread for each of `count` elements, the first argument of the kernel."""
        self.blocks(file, kernel, (-(-count // THREADS),), THREADS, numpy.uint32(count), *arguments)

    def blocks(
        self, file: str, kernel: str, grid: tuple[int, ...], threads: int, *arguments: Any
    ) -> None:
        """Launch a grid of blocks."""
        key = self._constants, file, kernel
        if key not in self._kernels:
            self._kernels[key] = self._cupy.RawKernel(self._constants + source(file), kernel)
        self._kernels[key](grid, (threads,), arguments)

    def empty(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return a new array, by default of the dtype of the kernels."""
        return self._cupy.empty(tuple(shape), dtype or self.dtype)

    @contextmanager
    def captured(self, stream: Any, pool: Any) -> Iterator[Callable[[], Any]]:
        """Note launches for a CUDA graph, in place of running them; see `stream_and_pool`.

        Yields a function that ends the capture and returns the graph. Arrays that are made until
        then are in memory of the pool. What of it is free again by then, the graph still writes
        into: the pool must live as long as the graph, and only other captures may draw on it.

        Raises:
            NotImplementedError, RuntimeError: of CuPy, where something cannot be captured.
        """
        with self._cupy.cuda.using_allocator(pool.malloc), stream:
            stream.begin_capture()
            is_open = True

            def end() -> Any:
                nonlocal is_open
                is_open = False
                return stream.end_capture()

            try:
                yield end
            finally:
                if is_open:
                    with suppress(RuntimeError):  # a capture that was refused is invalid
                        stream.end_capture()

    def stream_and_pool(self) -> tuple[Any, Any]:
        """Return a stream for captures, which the default one cannot be, and memory for them.

        What a capture has freed, the next one uses again only if it is of the same stream.
        """
        return self._cupy.cuda.Stream(non_blocking=True), self._cupy.cuda.MemoryPool()

    def stream(self) -> int:
        """Return the address of the current stream."""
        return int(self._cupy.cuda.get_current_stream().ptr)

    def is_capturing(self) -> bool:
        """Whether the current stream notes launches for a graph, in place of running them."""
        return bool(self._cupy.cuda.get_current_stream().is_capturing())

    @property
    def tf32(self) -> bool:
        """Whether factors of float32 may be rounded to TF32, as CuPy's own products are now."""
        return bool(self._cupy._core.get_compute_type("float32") == TF32)

    def milliseconds(self, run: Callable[[], None]) -> float:
        """Run, wait for the device, and return how long it took."""
        start, end = (self._cupy.cuda.Event() for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        return float(self._cupy.cuda.get_elapsed_time(start, end))

    def free_unused(self) -> None:
        """Give back what the default pool holds of memory that no array uses."""
        self._cupy.get_default_memory_pool().free_all_blocks()

    def view(self, block: Array, offset: int, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return the array that begins at a byte of a block of memory."""
        return self.array_type(shape, dtype, block.data + offset)

    def scalar(self, value: Any) -> Array:
        """Return a number as a float32 array (); an array, without a copy if it is one."""
        return self._cupy.asarray(value, "float32")

    def copied(self, x: Array) -> Array:
        """Return a copy of x in C order, in memory of its own."""
        copy = self.empty(x.shape, x.dtype)
        copy[...] = x
        return copy

    def ordered(self, x: Array) -> Array:
        """Return x in C order, without a copy if it has that order; None for None."""
        return None if x is None else self._cupy.ascontiguousarray(x)


def as_argument(struct: numpy.ndarray) -> numpy.ndarray:
    """Return a struct, a 0-d array, as a kernel gets it by value: its bytes, read-only.

    CuPy describes an array with named fields anew in Python at every launch, which took 20 us of
    the host; of plain bytes it took 4.
    """
    plain = struct.view(f"V{struct.dtype.itemsize}")
    plain.flags.writeable = False
    return plain


@cache
def struct(kind: numpy.dtype, *values: Any) -> numpy.ndarray:
    """Return a struct of these values as a kernel gets it; made once for equal ones."""
    return as_argument(numpy.array(values, kind))


# NumPy compares two dtypes faster than a dtype and a type
FLOAT32, FLOAT16 = numpy.dtype("float32"), numpy.dtype("float16")


def serves(*arrays: Array | None) -> bool:
    """Whether all arrays are float32, not empty and below 2^31 elements; None is skipped."""
    return _are(FLOAT32, arrays)


def serves_half(*arrays: Array | None) -> bool:
    """Whether all arrays are float32, or all float16, and otherwise as `serves`."""
    return _are(FLOAT32, arrays) or _are(FLOAT16, arrays)


def _are(dtype: numpy.dtype, arrays: Sequence[Array | None]) -> bool:
    for x in arrays:
        if x is not None and not (x.dtype == dtype and 0 < x.size < 2**31):
            return False
    return True


def summing(count: int) -> int:
    """Return the threads of a block that adds up `count` values: a power of two, 32 to 256."""
    return min(max(1 << (count - 1).bit_length(), 32), THREADS)
