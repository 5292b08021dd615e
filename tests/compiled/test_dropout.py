"""Dropout and its random numbers in C, to the last bit."""

from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.compiled.support import PACKAGE, compiled, cut, guarded, require_compiler
from tests.conformance.case_results import numpy_kernels
from xpcnn import backend, ops, random

dropping: Any = import_module(f"{PACKAGE}.dropping")
KEYS = (0, 1, 2**63, 2**64 - 1, 2**64, 2**128 - 1, random.key(0, "dropout/layers.3"))
STEPS = (0, 1, 2**32, 2**63 + 7, 2**64 - 1, numpy.asarray(5))


@pytest.fixture(autouse=True)
def _compiler() -> None:
    require_compiler()


@pytest.mark.parametrize("key", KEYS, ids=hex)
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_uniforms_have_the_bits_of_the_definition(key: int, step: Any) -> None:
    for shape in ((), (0,), (1,), (7,), (8,), (3, 5, 2), (65, 33)):
        for first in (0, 1, 7, 8, 9, 2**40 + 3):
            with cut(5, 2), guarded():
                drawn = dropping.uniform(key, step, shape, first)
            wanted = random.uniform(key, int(step), shape, first)
            assert (drawn.shape, drawn.dtype) == (shape, wanted.dtype)
            assert drawn.tobytes() == wanted.tobytes(), (shape, first)


def test_the_backend_draws_in_c_unless_kernels_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(dropping, "UNIFORM", lambda *arguments: calls.append(arguments[2]))
    backend.load("numpy").uniform(1, 2, (3, 4), 9)
    assert calls == [13]
    monkeypatch.setenv("XPCNN_KERNELS", "off")
    drawn = backend.load("numpy").uniform(1, 2, (3, 4), 9)
    assert drawn.tobytes() == random.uniform(1, 2, (3, 4), 9).tobytes()
    assert calls == [13]
    monkeypatch.delenv("XPCNN_KERNELS")
    backend.load("numpy")  # the kernels are known again


@pytest.mark.parametrize("shape", [(2, 3), (7, 3), (16, 17), (17, 64), (3, 2, 5, 4), (65, 3, 1, 9)])
def test_the_bits_of_the_reference(shape: tuple[int, ...]) -> None:
    rng = numpy.random.default_rng(0)
    uniform = random.uniform(3, 1, shape)
    memory = rng.standard_normal((*shape[1:], shape[0]), "float32")
    memory.ravel()[:4] = numpy.nan, numpy.inf, -numpy.inf, -0.0
    x, dy = numpy.moveaxis(memory, -1, 0), rng.standard_normal(shape, "float32")
    rate = float(uniform.ravel()[0])  # one is equal to it, and stays
    with cut(3, 2), guarded():
        y, pullback = compiled.KERNELS["dropout"](x, uniform, rate=rate)
        dx, du = pullback(dy)
    with numpy_kernels(present=False), numpy.errstate(invalid="ignore"):
        wanted, back = ops.dropout(x, uniform, rate=rate)
    assert y.strides == x.strides
    assert y.tobytes() == wanted.tobytes()
    numpy.testing.assert_array_equal(dx, back(dy)[0], strict=True)
    assert du is None
    assert pullback(dy, (False, False)) == (None, None)


def test_what_is_left_to_numpy() -> None:
    x = numpy.ones((4, 3), "float32")
    uniform = random.uniform(0, 0, (4, 3))
    turned = x.T.copy().T
    for arrays in (
        (x, uniform),
        (turned.astype("float64"), uniform),
        (turned, uniform.T.copy().T),
        (turned, numpy.broadcast_to(uniform[:, :1], (4, 3))),
    ):
        assert compiled.KERNELS["dropout"](*arrays, rate=0.5) is NotImplemented
    assert compiled.KERNELS["dropout"](turned, uniform, rate=0.5) is not NotImplemented
