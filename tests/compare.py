"""The comparison of all tests: what kind of array first, then its values."""

from typing import Any

import numpy

from tests.lib import Host, Lib
from tests.rounding import FLUSHED, Rounded
from xpcnn.types import Array

TOLERANCES = {"float64": (1e-12, 1e-12)}  # relative to the expected value, and absolute
"""For results of tens of roundings on values near 1; all other dtypes must be equal, but for
float32 where a test says by how much it rounds."""

DOUBLE = 2.0**-44
"""Relative error of what is expected of float32, which is computed in float64."""


def assert_same(actual: Array, expected: Any, lib: Lib, what: str = "result") -> None:
    """Require an array of the library with the dtype, shape and values of a host array.

    NaN equals NaN. NumPy's own scalars pass as 0-d arrays of NumPy.
    """
    expected = numpy.asarray(expected)
    assert_kind(actual, expected.dtype.name, expected.shape, lib, what)
    rtol, atol = TOLERANCES.get(expected.dtype.name, (0.0, 0.0))
    numpy.testing.assert_allclose(
        lib.to_host(actual), expected, rtol=rtol, atol=atol, err_msg=what, strict=True
    )


def assert_rounded(actual: Array, expected: Rounded, lib: Lib, what: str = "result") -> None:
    """Require an array of float32 of the library, each number within the bound of its rounding."""
    assert_kind(actual, "float32", expected.shape, lib, what)
    assert_within(lib.to_host(actual), expected, what)


def assert_near(
    actual: Array, expected: Host, rounded: Rounded, lib: Lib, what: str = "result"
) -> None:
    """Require values computed elsewhere in float64: `rounded` has the bounds of float32."""
    if actual.dtype == lib.backend.dtype("float64"):
        assert_same(actual, expected, lib, what)
    else:
        assert_rounded(actual, Rounded(expected, rounded.error), lib, what)


def assert_within(actual: Host, expected: Rounded, what: str = "result") -> None:
    """Require of every number of an array that it is as near to the expected as its bound says.

    Infinities must be equal; NaN equals NaN.
    """
    value, error = expected.value, expected.error
    assert error is not None, f"{what}: no numbers that are rounded"
    is_finite = numpy.isfinite(value)
    assert numpy.isfinite(error[is_finite]).all(), f"{what}: there is no bound"
    with numpy.errstate(invalid="ignore"):
        missed = abs(actual - value) / (error + DOUBLE * abs(value) + FLUSHED)
        is_equal = (actual == value) | (numpy.isnan(actual) & numpy.isnan(value))
    is_far = ~numpy.where(is_finite, missed <= 1, is_equal)  # NaN is not <= 1
    if is_far.any():
        at = numpy.unravel_index(
            numpy.where(is_far, numpy.nan_to_num(missed), -1).argmax(), missed.shape
        )
        raise AssertionError(
            f"{what}: Mismatch of {is_far.sum()} of {is_far.size}, the largest at "
            f"{tuple(map(int, at))}: {actual[at]!r}, expected {value[at]!r} within {error[at]:.2g}"
        )


def assert_kind(actual: Array, dtype: str, shape: tuple[int, ...], lib: Lib, what: str) -> None:
    """Require an array of the library, on its device, of a dtype and shape."""
    is_scalar = isinstance(actual, numpy.generic) and lib.backend.array_type is numpy.ndarray
    assert is_scalar or type(actual) is lib.backend.array_type, (
        f"{what} is a {type(actual)}, expected a {lib.backend.array_type}"
    )
    assert actual.dtype == lib.backend.dtype(dtype), (
        f"{what} has dtype {actual.dtype}, expected {dtype}"
    )
    assert tuple(actual.shape) == shape, f"{what} has shape {tuple(actual.shape)}, expected {shape}"
    if not is_scalar:
        assert str(actual.device) == str(lib.backend.device), (
            f"{what} is on {actual.device}, expected {lib.backend.device}"
        )
