"""The bounds of float32 hold for what float32 computes, and are so tight that errors are seen."""

import numpy
import pytest

from tests.compare import assert_within
from tests.ops.calls import CALLS, Call
from tests.rounding import UNIT, Host, Rounded, exact
from xpcnn import ops
from xpcnn.types import namespace


def single(*values: float) -> Host:
    return numpy.asarray(values, "float32")


def test_bounds_by_hand() -> None:
    x = Rounded(numpy.asarray([3.0]), numpy.asarray([0.5]))
    y = Rounded(numpy.asarray([-2.0]), numpy.asarray([0.25]))
    for got, value, error in (
        (x + y, 1.0, 0.75 + 5 * UNIT),
        (x - y, 5.0, 0.75 + 5 * UNIT),
        (x * y, -6.0, 1.875 + 7.875 * UNIT),
        (x / y, -1.5, 0.5 + 4 * UNIT),
        (abs(y), 2.0, 0.25),
        (-y, 2.0, 0.25),
    ):
        assert got.value.tolist() == [value]
        assert got.error is not None
        assert abs(got.error[0] - error) < 1e-12


def test_numbers_of_python_round_as_they_meet_float32() -> None:
    tenth = abs(float(numpy.float32(0.1)) - 0.1)
    error = (exact(single(1)) * 0.1).error
    assert error is not None
    assert tenth <= error <= tenth + 0.11 * UNIT
    assert (exact(single(2)) * 0.5).error == 0


def test_a_sum_that_cancels_is_bounded_by_its_terms() -> None:
    x = exact(single(1e4, 1 / 3, -1e4))
    got = namespace(x).sum(x)
    assert abs(got.value - 1 / 3) < 1e-6
    assert 2e4 * UNIT < got.error <= 2 * 2.0001e4 * UNIT  # two roundings


def test_sums_of_whole_numbers_are_exact_up_to_the_last_of_them() -> None:
    x, w = numpy.full((1, 3), 2.0**22, "float32"), numpy.ones((3, 1), "float32")
    assert (exact(x) @ exact(w)).error == 0
    assert (exact(2 * x) @ exact(w)).error != 0
    assert (exact(x / 2**10) @ exact(w / 2**5)).error == 0


def test_what_float32_cannot_tell_apart_is_no_test() -> None:
    x = exact(single(1 / 3)) * 3.0
    with pytest.raises(AssertionError, match="cannot tell"):
        ops.relu(x - 1.0)


@pytest.mark.parametrize("k", [3, 100, 3000])
def test_the_worst_order_of_a_sum_is_within_its_bound(k: int) -> None:
    """One after another, the largest first, all with one sign: as bad as real sums get."""
    x = numpy.sort(numpy.random.default_rng(k).uniform(0, 1, k).astype("float32"))[::-1]
    total = numpy.add.accumulate(x, dtype="float32")[-1]
    expected = namespace(exact(x)).sum(exact(x))
    assert_within(total, expected)
    assert expected.error <= 250 * UNIT * expected.value  # and not a bound for anything


def results(call: Call) -> list[Rounded]:
    """Return outputs and gradients of a call in float32."""
    arrays = [a if a is None or a.dtype != "float64" else a.astype("float32") for a in call.arrays]
    outputs, pullback = call.run([None if a is None else exact(a) for a in arrays])
    dy = numpy.random.default_rng(2).uniform(-1, 1, outputs[0].shape).astype("float32")
    return [a for a in (*outputs, *pullback(exact(dy))) if a is not None and a.error is not None]


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_an_error_of_a_hundred_thousandth_is_seen(call: Call) -> None:
    """At every output and gradient: of its magnitude, the op computed on absolute values."""
    for e in results(call):
        assert_within(e.value, e)
        assert e.magnitude is not None
        for at in numpy.argwhere(e.magnitude > 0):
            planted = e.value.copy()
            planted[tuple(at)] += 1e-5 * e.magnitude[tuple(at)]
            with pytest.raises(AssertionError, match="Mismatch of 1 of"):
                assert_within(planted, e)


def test_magnitudes_are_those_of_absolute_values() -> None:
    rng = numpy.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype("float32") for s in ((2, 3, 4, 4), (2, 3, 3, 3), 2))
    y, pullback = ops.conv2d(*map(exact, (x, w, b)), padding=1)
    wide = [abs(a).astype("float64") for a in (x, w, b)]
    expected, back = ops.conv2d(*wide, padding=1)
    dy = rng.standard_normal(y.shape).astype("float32")
    for e, magnitude in zip(
        (y, *pullback(exact(dy))), (expected, *back(abs(dy).astype("float64"))), strict=True
    ):
        numpy.testing.assert_allclose(e.magnitude, magnitude, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 24, 576, 2304])
def test_an_error_of_a_hundred_thousandth_is_seen_in_a_long_convolution(k: int) -> None:
    """At every output, also those near 0: of the convolution of absolute values."""
    rng = numpy.random.default_rng(k)
    x, w = (rng.standard_normal(s).astype("float32") for s in ((1, k, 3, 3), (2, k, 1, 1)))
    y, _ = ops.conv2d(exact(x), exact(w))
    magnitude, _ = ops.conv2d(abs(x).astype("float64"), abs(w).astype("float64"))
    assert (y.error < 1e-5 * magnitude).all()
    assert (y.error <= (6 + 2 * k**0.5) * 2 * UNIT * magnitude).all()
