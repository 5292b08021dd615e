"""Run an optimizer on one parameter, for cases that are computed by hand."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy

from tests.compare import assert_rounded
from tests.lib import Lib
from tests.rounding import Rounded, exact
from xpcnn.optimizers import Optimizer
from xpcnn.types import Array


def steps(
    array: Callable[[Any], Array], optimizer: Optimizer, p: Any, *gradients: Any
) -> list[Array]:
    """Return the parameter after each gradient, of arrays that `array` makes."""
    params = {"w": array(p)}
    state = optimizer.init(params)
    seen = []
    for step, g in enumerate(gradients, start=1):
        rest = (array(optimizer.lr), array(step))
        params, state = optimizer.update(params, {"w": array(g)}, state, *rest)
        seen.append(params["w"])
    return seen


def single(x: Any) -> Rounded:
    """Return the values of x in float32, as an array that bounds its rounding errors."""
    return exact(numpy.asarray(x, "float32"))


def assert_steps(
    lib: Lib, dtype: str, optimizer: Optimizer, expected: Any, p: Any, *gradients: Any
) -> None:
    """Require the values of the parameter after each gradient, to the rounding of the dtype."""
    got = steps(partial(lib.asarray, dtype=dtype), optimizer, p, *gradients)
    rounded = steps(single, optimizer, p, *gradients)
    for x, value, bound in zip(got, expected, rounded, strict=True):
        if dtype == "float32":
            assert_rounded(x, Rounded(numpy.asarray(value), bound.error), lib)
        else:
            assert x.dtype == lib.backend.dtype(dtype)
            numpy.testing.assert_allclose(lib.to_host(x), value, rtol=1e-14, atol=1e-14)
