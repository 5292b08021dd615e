"""Run an optimizer on one parameter, for cases that are computed by hand."""

from typing import Any

import numpy

from tests.libraries import Library
from xpcnn.optimizers import Optimizer


def steps(library: Library, optimizer: Optimizer, p: Any, *gradients: Any) -> list[list[float]]:
    """Return the values of the parameter after each gradient."""
    params = {"w": library.array(p)}
    state = optimizer.init(params)
    seen = []
    for step, g in enumerate(gradients, start=1):
        params, state = optimizer.update(
            params,
            {"w": library.array(g)},
            state,
            library.array(optimizer.lr),
            library.array(step),
        )
        assert params["w"].dtype == library.array(0.0).dtype
        seen.append(library.fetch(params["w"]).tolist())
    return seen


def close(library: Library, got: list[list[float]], expected: list[list[float]]) -> bool:
    """Compare to the rounding of the library's dtype."""
    tolerance = 1e-6 if library.dtype == "float32" else 1e-14
    return bool(numpy.allclose(got, expected, rtol=tolerance, atol=tolerance))
