"""What every op promises: kinds of arrays, purity, `wants`, repeatability, and its gradients."""

import math
import re
from functools import cache, partial
from typing import Any

import numpy
import pytest

from tests.compare import assert_rounded, assert_same
from tests.conformance.case_results import numpy_kernels
from tests.lib import Host, Lib
from tests.ops.calls import CALLS, Call, OpLayer
from tests.rounding import exact
from xpcnn import ops
from xpcnn.errors import ShapeError
from xpcnn.testing import check_gradients

every_call = pytest.mark.parametrize("call", CALLS, ids=str)
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


def dy_of(call: Call) -> Host:
    """Return a dy for the first output."""
    y = call.run(list(call.arrays))[0][0]
    return numpy.asarray(numpy.random.default_rng(2).uniform(-1, 1, y.shape))


def test_every_op_is_called() -> None:
    assert {call.op for call in CALLS} == set(ops.__all__) - {
        "normalise",
        "affine",
        "bilinear",
        "mirrored",
        "shifted",
        "fold_batch_norm",
        "count_equal",
        "tally",
        "converted",
        "kept_if",
        "next_scale",
        "unscaled",
        "most_probable",
        "one_hot",
    }  # no pullback


@cache
def expected(call: Call, dtype: str) -> tuple[Any, Any]:
    """Return outputs and gradients of NumPy's references in float64, for float32 with bounds."""
    place = exact if dtype == "float32" else numpy.asarray
    arrays = [a if a is None or a.dtype != "float64" else a.astype(dtype) for a in call.arrays]
    with numpy_kernels(present=False):
        outputs, pullback = call.run([None if a is None else place(a) for a in arrays])
        return outputs, pullback(place(dy_of(call).astype(dtype)))


@DTYPES
@every_call
def test_same_numbers_of_the_dtype_given(lib: Lib, call: Call, dtype: str) -> None:
    """Every library gives the numbers of the references, as its own arrays; in float32 as near to
    those of float64 as the roundings on the way allow."""
    same: Any = assert_rounded if dtype == "float32" else assert_same
    wanted, wanted_gradients = expected(call, dtype)
    outputs, pullback = call.run(call.move(lib, dtype))
    for i, (y, e) in enumerate(zip(outputs, wanted, strict=True)):
        same(y, e, lib, f"output {i}")
    gradients = pullback(lib.asarray(dy_of(call), dtype))
    assert [g is not None for g in gradients] == list(call.learnt)
    for i, (g, e) in enumerate(zip(gradients, wanted_gradients, strict=True)):
        if g is not None:
            same(g, e, lib, f"gradient {i}")


@DTYPES
@every_call
def test_only_what_is_wanted_and_no_array_is_written_into(lib: Lib, call: Call, dtype: str) -> None:
    """However often a pullback is called, it gives the same bits. It refuses a dy of another
    shape."""

    def bits(arrays: list[Any]) -> list[bytes | None]:
        return [None if a is None else lib.to_host(a).tobytes() for a in arrays]

    dy = lib.asarray(dy_of(call), dtype)
    arrays = [*call.move(lib, dtype), dy]
    before = bits(arrays)
    outputs, pullback = call.run(arrays[:-1])
    gradients = pullback(dy)
    kept, seen = bits([*outputs]), bits(gradients)
    everything, nothing = [True] * len(seen), [False] * len(seen)
    only = ([j == i for j in range(len(seen))] for i in range(len(seen)))
    for wants in (everything, nothing, *only):
        got = bits(pullback(dy, tuple(wants)))
        assert got == [b if wanted else None for b, wanted in zip(seen, wants, strict=True)]
    assert bits(arrays) == before
    assert bits([*outputs]) == kept
    assert bits(gradients) == seen
    # a dy that broadcasts would give a wrong gradient
    shape = tuple(outputs[0].shape)
    wrong = (1, *shape) if math.prod(shape) == 1 else (1,) * len(shape)
    with pytest.raises(ShapeError, match=re.escape(f"dy of shape {wrong}, expected {shape}")):
        pullback(lib.asarray(numpy.ones(wrong), dtype))


@every_call
def test_gradients(lib: Lib, call: Call) -> None:
    x = call.arrays[0]
    assert x is not None
    check_gradients(OpLayer(call), x.shape[1:], backend=lib.backend, batch=x.shape[0])


class Traced(numpy.ndarray[Any, Any]):
    """An array of unknown device and of a library of its own, as JAX's are inside jax.jit."""

    @property
    def device(self) -> Any:
        raise AttributeError("Traced has no attribute device")

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return TRACED


class Namespace:
    """NumPy's functions, with results that are Traced."""

    __name__ = "traced"

    def __getattr__(self, name: str) -> Any:
        found = getattr(numpy, name)
        return found if isinstance(found, type) or not callable(found) else partial(run, found)


TRACED = Namespace()


def run(function: Any, *args: Any, **options: Any) -> Any:
    y = function(*args, **options)
    return y.view(Traced) if isinstance(y, numpy.ndarray) else y


@every_call
def test_arrays_without_a_device(call: Call) -> None:
    arrays = [None if a is None else a.view(Traced) for a in call.arrays]
    with numpy_kernels(present=False):  # which a test before may have loaded
        outputs, pullback = call.run(list(arrays))
        grads = pullback(dy_of(call).view(Traced))
    outputs_expected, grads_expected = expected(call, "float64")
    for got, want in zip((*outputs, *grads), (*outputs_expected, *grads_expected), strict=True):
        assert numpy.array_equal(got, want) if want is not None else got is None
