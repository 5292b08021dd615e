"""Float32 results of one library against those of the references in float64."""

import math
from typing import Any

import numpy

from tests.compare import assert_within
from tests.conformance.case_results import numpy_kernels
from tests.lib import Host, Lib
from tests.rounding import Rounded, exact
from xpcnn import backend, ops


def draw(*shape: int, scale: float = 1.0, shift: float = 0.0, seed: int = 0) -> Host:
    """Return normal numbers, the same for the same arguments."""
    rng = numpy.random.default_rng([seed, *shape])
    return (rng.standard_normal(shape) * scale + shift).astype("float32")


def flat(*shape: int) -> Host:
    """Return numbers of which most neighbours are equal, as in the background of an image."""
    return numpy.random.default_rng(shape).integers(-1, 2, shape).astype("float32")


def has_kernels(lib: Lib) -> bool:
    """Whether the ops know kernels of the library: with --no-kernels, of none."""
    return bool(backend._kernels.get(lib.backend.array_type))


def launches_are_seen(lib: Lib) -> bool:
    """Whether kernels run on the host, where they are counted."""
    return lib.name == "cupy-on-host" and has_kernels(lib)


def run(place: Any, op: str, given: list[Host | None], options: dict[str, Any]) -> list[Any]:
    """Return y, or its parts, and all gradients for one dy, the same on every call."""
    y, pullback = getattr(ops, op)(*(None if a is None else place(a) for a in given), **options)
    outputs = [*y] if isinstance(y, tuple) else [y]
    dy = 0.5 + numpy.cos(numpy.arange(math.prod(outputs[0].shape))).reshape(outputs[0].shape)
    return [*outputs, *pullback(place(dy.astype(str(outputs[0].dtype))))]


def reference(op: str, given: list[Host | None], options: dict[str, Any], dtype: str) -> list[Any]:
    """Return what the references give for these values in another dtype."""
    cast = [a.astype(dtype) if a is not None and a.dtype == "float32" else a for a in given]
    with numpy_kernels(present=False), numpy.errstate(invalid="ignore"):
        return run(lambda a: a, op, cast, options)


def rounded(op: str, given: list[Host | None], options: dict[str, Any]) -> list[Rounded | None]:
    """Return what `run` gives of float32 arrays, in float64, each number with its bound."""
    return run(single, op, given, options)


def single(a: Host) -> Rounded:
    """Return the values that an array has in float32, if its numbers are floating."""
    return exact(a.astype("float32") if a.dtype.kind == "f" else a)


def assert_all_within(lib: Lib, got: list[Any], expected: list[Rounded | None]) -> None:
    """Require float32 arrays, every number within the bound of its rounding; NaN equals NaN."""
    assert [g is None for g in got] == [e is None for e in expected]
    for i, (g, e) in enumerate(zip(got, expected, strict=True)):
        if e is not None:
            host = lib.to_host(g)
            assert (host.dtype, host.shape) == ("float32", e.shape)
            assert_within(host, e, str(i))
