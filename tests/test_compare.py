"""The comparison of all tests sees every kind of difference."""

from typing import Any

import numpy
import pytest

from tests.compare import assert_rounded, assert_same
from tests.lib import Lib, open_lib, strided
from tests.rounding import Rounded

EXPECTED = numpy.asarray([[1.0, numpy.nan], [-numpy.inf, 1000.0]])


def test_equal_arrays_pass(lib: Lib) -> None:
    assert_same(lib.asarray(EXPECTED), EXPECTED, lib)
    assert_same(lib.asarray(EXPECTED.astype("float32")), EXPECTED.astype("float32"), lib)
    assert_same(strided(lib).asarray(EXPECTED), EXPECTED, lib)
    assert_same(lib.asarray(3.0), 3.0, lib)
    assert_same(lib.asarray([1, 2]), numpy.asarray([1, 2]), lib)


def changed(at: tuple[int, int], value: float) -> Any:
    other = EXPECTED.copy()
    other[at] = value
    return other


@pytest.mark.parametrize(
    ("actual", "text"),
    [
        (EXPECTED.astype("float32"), "dtype"),
        (EXPECTED[None], "shape"),
        (EXPECTED[:, :1], "shape"),
        (changed((0, 0), 1.0 + 1e-11), "Mismatch"),
        (changed((1, 1), 1000.0 + 1e-8), "Mismatch"),
        (changed((0, 1), 0.0), "nan"),
        (changed((0, 0), numpy.nan), "nan"),
        (changed((1, 0), numpy.inf), "inf"),
    ],
    ids=lambda p: p if isinstance(p, str) else "",
)
def test_differences_fail(lib: Lib, actual: Any, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        assert_same(lib.asarray(actual), EXPECTED, lib)


def test_float32_must_be_equal_where_no_bound_is_given(lib: Lib) -> None:
    one = numpy.asarray([1.0], "float32")
    with pytest.raises(AssertionError, match="Mismatch"):
        assert_same(lib.asarray(numpy.nextafter(one, 2)), one, lib)


def test_float32_within_a_bound(lib: Lib) -> None:
    expected = Rounded(EXPECTED, numpy.asarray([[1e-6, 0.0], [0.0, 1e-3]]))
    for change in (0.0, 9e-7, -9e-7):
        assert_rounded(lib.asarray(changed((0, 0), 1.0 + change), "float32"), expected, lib)
    for at, value in (((0, 0), 1.000002), ((1, 1), 1000.002), ((0, 1), 0.0), ((1, 1), numpy.nan)):
        with pytest.raises(AssertionError, match="Mismatch"):
            assert_rounded(lib.asarray(changed(at, value), "float32"), expected, lib)
    with pytest.raises(AssertionError, match="dtype"):
        assert_rounded(lib.asarray(EXPECTED), expected, lib)
    with pytest.raises(AssertionError, match="no bound"):
        assert_rounded(
            lib.asarray(EXPECTED, "float32"), Rounded(EXPECTED, numpy.full((2, 2), numpy.inf)), lib
        )


def test_whole_numbers_must_be_equal(lib: Lib) -> None:
    with pytest.raises(AssertionError, match="Mismatch"):
        assert_same(lib.asarray([1000000]), numpy.asarray([1000001]), lib)


def test_arrays_of_another_library_fail() -> None:
    strict, host = open_lib("array-api-strict"), open_lib("numpy")
    with pytest.raises(AssertionError, match=r"is a .*, expected a "):
        assert_same(host.asarray([1.0]), [1.0], strict)
    with pytest.raises(AssertionError, match=r"is a .*, expected a "):
        assert_same(strict.asarray([1.0]), [1.0], host)
    with pytest.raises(AssertionError, match=r"is a .*, expected a "):
        assert_same(1.0, 1.0, host)


def test_arrays_on_another_device_fail() -> None:
    strict = open_lib("array-api-strict")
    elsewhere = strict.asarray([1.0]).to_device(strict.backend.xp.Device("CPU_DEVICE"))
    with pytest.raises(AssertionError, match="is on"):
        assert_same(elsewhere, [1.0], strict)
