"""Run an optimizer on one parameter, for cases that are computed by hand."""

from typing import Any

import numpy

from tests.lib import Lib
from xpcnn.optimizers import Optimizer


def steps(lib: Lib, dtype: str, optimizer: Optimizer, p: Any, *gradients: Any) -> list[list[float]]:
    """Return the values of the parameter after each gradient."""
    params = {"w": lib.asarray(p, dtype)}
    state = optimizer.init(params)
    seen = []
    for step, g in enumerate(gradients, start=1):
        params, state = optimizer.update(
            params,
            {"w": lib.asarray(g, dtype)},
            state,
            lib.asarray(optimizer.lr, dtype),
            lib.asarray(step, dtype),
        )
        assert params["w"].dtype == lib.backend.dtype(dtype)
        seen.append(lib.to_host(params["w"]).tolist())
    return seen


def close(dtype: str, got: list[list[float]], expected: list[list[float]]) -> bool:
    """Compare to the rounding of the dtype."""
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    return bool(numpy.allclose(got, expected, rtol=tolerance, atol=tolerance))
