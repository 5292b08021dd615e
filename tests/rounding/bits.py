"""What float32 holds exactly, and how far sums in it may err: numbers of NumPy alone."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy

Host: TypeAlias = numpy.ndarray[Any, Any]

UNIT = 2.0**-24
"""u, the largest relative error of one rounding to float32."""
ELEMENTARY = 8.0
"""Relative error of exp, log, cos, tanh and their kind, in u."""
FLUSHED = 2.0**-122
"""Numbers as small as this may be 0: kernels need not keep subnormal ones."""


def is_float(x: Host) -> bool:
    return bool(x.dtype.kind == "f")


def rounding(x: Host) -> Host:
    """Return by how much float32 misses each number."""
    with numpy.errstate(all="ignore"):
        missed: Host = abs(x.astype("float32") - x)
    return numpy.where(numpy.isfinite(x), missed, 0.0)


_chain: ContextVar[int] = ContextVar("_chain", default=2**62)


@contextmanager
def chains_of(longest: int) -> Iterator[None]:
    """Bound sums that are cut: no number goes through more additions in float32 than this."""
    token = _chain.set(longest)
    try:
        yield
    finally:
        _chain.reset(token)


def roundings(count: int) -> float:
    """Return r(count), by how many u so many additions err; see the top of this file."""
    chain = max(min(count, _chain.get()), 0)
    return min(float(chain), 3.0 * math.sqrt(chain))


def quantum(x: Host) -> float:
    """Return a power of two of which all numbers are multiples, 0 for none that is not tiny."""
    if not (numpy.isfinite(x).all() and is_whole(x * 2.0**15)):
        return 0.0
    return next(2.0**-s for s in range(16) if is_whole(x * 2.0**s))


def is_whole(x: Host) -> bool:
    return bool((numpy.rint(x) == x).all())


def is_summed_exactly(magnitude: Host, step: float) -> bool:
    """Whether all partial sums of multiples of `step` are float32 numbers."""
    return step > 0 and bool((magnitude <= 2.0**24 * step).all())


def is_exact(*bounds: Host) -> bool:
    return not any(e.any() for e in bounds)


def is_power(x: Host, e: Host) -> Host:
    """Tell where numbers are 0 or a power of two, so that a product with them is exact."""
    found: Host = (e == 0) & ((abs(numpy.frexp(x)[0]) == 0.5) | (x == 0))
    return found
