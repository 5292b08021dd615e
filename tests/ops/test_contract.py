"""What every op promises: kinds of arrays, purity, `wants`, repeatability, and its gradients."""

from functools import cache
from typing import Any

import numpy
import pytest

from tests.compare import assert_rounded, assert_same
from tests.conformance.verdict import numpy_kernels
from tests.lib import Host, Lib
from tests.ops.calls import CALLS, Call, OpLayer
from tests.rounding import exact
from xpcnn import ops
from xpcnn.testing import check_gradients

every_call = pytest.mark.parametrize("call", CALLS, ids=str)
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


def cotangent(call: Call) -> Host:
    """Return a cotangent for the first output."""
    y = call.run(list(call.arrays))[0][0]
    return numpy.asarray(numpy.random.default_rng(2).uniform(-1, 1, y.shape))


def test_every_op_is_called() -> None:
    assert {call.op for call in CALLS} == set(ops.__all__) - {
        "normalise",
        "bilinear",
        "fold_batch_norm",
    }  # no pullback


@cache
def expected(call: Call, dtype: str) -> tuple[Any, Any]:
    """Return outputs and gradients of NumPy's references in float64, for float32 with bounds."""
    place = exact if dtype == "float32" else numpy.asarray
    arrays = [a if a is None or a.dtype != "float64" else a.astype(dtype) for a in call.arrays]
    with numpy_kernels(present=False):
        outputs, pullback = call.run([None if a is None else place(a) for a in arrays])
        return outputs, pullback(place(cotangent(call).astype(dtype)))


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
    gradients = pullback(lib.asarray(cotangent(call), dtype))
    assert [g is not None for g in gradients] == list(call.learnt)
    for i, (g, e) in enumerate(zip(gradients, wanted_gradients, strict=True)):
        if g is not None:
            same(g, e, lib, f"gradient {i}")


@DTYPES
@every_call
def test_no_array_is_written_into(lib: Lib, call: Call, dtype: str) -> None:
    arrays = [a for a in call.move(lib, dtype) if a is not None]
    dy = lib.asarray(cotangent(call), dtype)
    before = [lib.to_host(a).tobytes() for a in [*arrays, dy]]
    outputs, pullback = call.run(call_arrays(call, arrays))
    kept = [lib.to_host(y).tobytes() for y in outputs]
    gradients = [g for g in pullback(dy) if g is not None]
    seen = [lib.to_host(g).tobytes() for g in gradients]
    pullback(dy)
    assert [lib.to_host(a).tobytes() for a in [*arrays, dy]] == before
    assert [lib.to_host(y).tobytes() for y in outputs] == kept
    assert [lib.to_host(g).tobytes() for g in gradients] == seen


def call_arrays(call: Call, given: list[object]) -> list[object]:
    """Put None back where the call has none."""
    rest = iter(given)
    return [None if a is None else next(rest) for a in call.arrays]


@DTYPES
@every_call
def test_only_what_is_wanted_and_the_same_bits_again(lib: Lib, call: Call, dtype: str) -> None:
    _, pullback = call.run(call.move(lib, dtype))
    dy = lib.asarray(cotangent(call), dtype)
    full = [None if g is None else lib.to_host(g).tobytes() for g in pullback(dy)]
    nothing = [False] * len(full)
    for wants in (nothing, *([j == i for j in range(len(full))] for i in range(len(full)))):
        got = pullback(dy, tuple(wants))
        assert len(got) == len(full)
        for g, bits, wanted in zip(got, full, wants, strict=True):
            assert (None if g is None else lib.to_host(g).tobytes()) == (bits if wanted else None)


@every_call
def test_gradients(lib: Lib, call: Call) -> None:
    x = call.arrays[0]
    assert x is not None
    check_gradients(OpLayer(call), x.shape[1:], backend=lib.backend, batch=x.shape[0])
