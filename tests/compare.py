"""The comparison of all tests: what kind of array first, then its values."""

from typing import Any

import numpy

from tests.lib import Lib
from xpcnn.types import Array

TOLERANCES = {  # relative to the expected value, and absolute
    "float64": (1e-12, 1e-12),
    "float32": (1e-5, 1e-6),
}
"""For results of tens of roundings on values near 1; all other dtypes must be equal."""


def assert_same(actual: Array, expected: Any, lib: Lib, what: str = "result") -> None:
    """Require an array of the library with the dtype, shape and values of a host array.

    NaN equals NaN. NumPy's own scalars pass as 0-d arrays of NumPy.
    """
    expected = numpy.asarray(expected)
    is_scalar = isinstance(actual, numpy.generic) and lib.backend.array_type is numpy.ndarray
    assert is_scalar or type(actual) is lib.backend.array_type, (
        f"{what} is a {type(actual)}, expected a {lib.backend.array_type}"
    )
    assert actual.dtype == lib.backend.dtype(expected.dtype.name), (
        f"{what} has dtype {actual.dtype}, expected {expected.dtype}"
    )
    assert tuple(actual.shape) == expected.shape, (
        f"{what} has shape {tuple(actual.shape)}, expected {expected.shape}"
    )
    if not is_scalar:
        assert str(actual.device) == str(lib.backend.device), (
            f"{what} is on {actual.device}, expected {lib.backend.device}"
        )
    rtol, atol = TOLERANCES.get(expected.dtype.name, (0.0, 0.0))
    numpy.testing.assert_allclose(
        lib.to_host(actual), expected, rtol=rtol, atol=atol, err_msg=what, strict=True
    )
