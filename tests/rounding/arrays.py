"""`Rounded` and its arithmetic: each operation bounds its own rounding error; see `rounding`."""

import operator
from collections.abc import Callable
from typing import Any

import numpy

from tests.rounding.bits import (
    UNIT,
    Host,
    is_exact,
    is_float,
    is_power,
    is_summed_exactly,
    quantum,
    rounding,
    roundings,
)


class Rounded:
    """Numbers in float64, or whole ones and booleans, which are exact and have no error."""

    __array_ufunc__ = None  # arithmetic of NumPy's arrays with these is left to these
    device = "bounds"  # not "cpu": ops do not read its values

    def __init__(
        self, value: Host, error: Host | None = None, magnitude: Host | None = None
    ) -> None:
        """Exact where no error is given; magnitude: |x|*, where terms were added."""
        self.value = value
        if error is None and is_float(value):
            error = numpy.zeros(value.shape)
        # infinities and NaN are what they are
        self.error = None if error is None else numpy.where(numpy.isfinite(value), error, 0.0)
        self.magnitude = abs(value) if magnitude is None and is_float(value) else magnitude

    dtype = property(lambda self: self.value.dtype)
    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    T = property(lambda self: mapped(numpy.transpose, self))

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        from tests.rounding.namespace import NAMESPACE  # whose functions make these arrays

        return NAMESPACE

    def __getitem__(self, key: Any) -> "Rounded":
        return mapped(lambda a: a[key], self)

    def reshape(self, *shape: Any) -> "Rounded":
        return mapped(lambda a: a.reshape(*shape), self)

    def __neg__(self) -> "Rounded":
        return Rounded(-self.value, self.error, self.magnitude)

    def __abs__(self) -> "Rounded":
        return Rounded(abs(self.value), self.error, self.magnitude)

    def __invert__(self) -> "Rounded":
        return Rounded(~self.value)

    def __add__(self, other: Any) -> "Rounded":
        return add(self, other)

    def __radd__(self, other: Any) -> "Rounded":
        return add(other, self)

    def __sub__(self, other: Any) -> "Rounded":
        return add(self, -lift(other))

    def __rsub__(self, other: Any) -> "Rounded":
        return add(other, -self)

    def __mul__(self, other: Any) -> "Rounded":
        return multiply(self, other)

    def __rmul__(self, other: Any) -> "Rounded":
        return multiply(other, self)

    def __truediv__(self, other: Any) -> "Rounded":
        return divide(self, other)

    def __rtruediv__(self, other: Any) -> "Rounded":
        return divide(other, self)

    def __matmul__(self, other: "Rounded") -> "Rounded":
        return product(self, other)

    def __lt__(self, other: Any) -> "Rounded":
        return compare(operator.lt, self, other)

    def __le__(self, other: Any) -> "Rounded":
        return compare(operator.le, self, other)

    def __gt__(self, other: Any) -> "Rounded":
        return compare(operator.gt, self, other)

    def __ge__(self, other: Any) -> "Rounded":
        return compare(operator.ge, self, other)

    def __eq__(self, other: object) -> "Rounded":  # type: ignore[override]  # as arrays do
        return compare(operator.eq, self, other)

    def __ne__(self, other: object) -> "Rounded":  # type: ignore[override]  # as arrays do
        return compare(operator.ne, self, other)

    def __and__(self, other: Any) -> "Rounded":
        return Rounded(self.value & lift(other).value)

    def __or__(self, other: Any) -> "Rounded":
        return Rounded(self.value | lift(other).value)

    __hash__ = None  # type: ignore[assignment]  # as arrays


def exact(x: Any) -> Rounded:
    """Return the values of a float32 array, or of any that is not floating, without an error."""
    x = numpy.asarray(x)
    return Rounded(x.astype("float64") if is_float(x) else x)


def lift(x: Any) -> Rounded:
    """Return an array, or a number of Python, which rounds as it meets float32."""
    if isinstance(x, Rounded):
        return x
    if isinstance(x, float):
        return to_single(x)
    return exact(x)


def to_single(x: Any) -> Rounded:
    """Return numbers, or those of a list, which float32 rounds."""
    value = numpy.asarray(x)
    return Rounded(value, rounding(value)) if is_float(value) else Rounded(value)


def mapped(move: Callable[[Host], Host], x: Rounded) -> Rounded:
    """Apply a move of elements to values, errors and magnitudes alike."""
    return Rounded(*(None if part is None else move(part) for part in parts(x)))  # type: ignore[arg-type]


def parts(x: Rounded) -> tuple[Host, Host | None, Host | None]:
    return x.value, x.error, x.magnitude


def numbers(x: Rounded) -> tuple[Host, Host, Host]:
    """Return values, errors and magnitudes, of whole numbers too."""
    zeros = numpy.zeros(x.shape)
    return (
        x.value,
        zeros if x.error is None else x.error,
        abs(x.value) + zeros if x.magnitude is None else x.magnitude,
    )


def add(a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    (vx, ex, mx), (vy, ey, my) = numbers(x), numbers(y)
    with numpy.errstate(all="ignore"):
        value = numpy.asarray(vx + vy)
        if not is_float(value):
            return Rounded(value)
        magnitude = mx + my
        if is_exact(ex, ey) and is_summed_exactly(magnitude, min(quantum(vx), quantum(vy))):
            return Rounded(value, None, magnitude)
        # no sum misses by more than its smaller side
        rounded = numpy.minimum(UNIT * magnitude, numpy.minimum(mx, my))
        return Rounded(value, ex + ey + rounded, magnitude)


def multiply(a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    (vx, ex, mx), (vy, ey, my) = numbers(x), numbers(y)
    with numpy.errstate(all="ignore"):
        value = numpy.asarray(vx * vy)
        if not is_float(value):
            return Rounded(value)
        magnitude = mx * my
        if is_exact(ex, ey) and is_summed_exactly(magnitude, quantum(vx) * quantum(vy)):
            return Rounded(value, None, magnitude)
        carried = abs(vx) * ey + abs(vy) * ex + ex * ey
        rounded = UNIT * (abs(value) + carried) * ~(is_power(vx, ex) | is_power(vy, ey))
        return Rounded(value, carried + rounded, magnitude)


def divide(a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    (vx, ex, mx), (vy, ey, _) = numbers(x), numbers(y)
    with numpy.errstate(all="ignore"):
        value = numpy.asarray(vx / vy)
        least = abs(vy) - ey
        carried = numpy.where(least > 0, (ex + abs(value) * ey) / least, numpy.inf)
        rounded = 2 * UNIT * (abs(value) + carried) * ~is_power(vy, ey)
        return Rounded(value, carried + rounded, mx / abs(vy))


def product(x: Rounded, y: Rounded) -> Rounded:
    """Return the matrix product, its sums in any order."""
    (vx, ex, mx), (vy, ey, my) = numbers(x), numbers(y)
    value, magnitude = vx @ vy, mx @ my
    if is_exact(ex, ey) and is_summed_exactly(magnitude, quantum(vx) * quantum(vy)):
        return Rounded(value, None, magnitude)
    carried = abs(vx) @ ey + ex @ abs(vy) + ex @ ey
    rounded = (1 + roundings(x.shape[-1] - 1)) * UNIT * magnitude
    return Rounded(value, carried + rounded, magnitude)


def total(x: Rounded, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Rounded:
    """Return sums along axes, in any order."""
    value, error, magnitude = (
        numpy.asarray(numpy.sum(part, axis=axis, keepdims=keepdims)) for part in numbers(x)
    )
    if x.error is None:
        return Rounded(value)
    if is_exact(x.error) and is_summed_exactly(magnitude, quantum(x.value)):
        return Rounded(value, None, magnitude)
    count = x.size // max(value.size, 1)
    return Rounded(value, error + roundings(count - 1) * UNIT * magnitude, magnitude)


def mean(x: Rounded, axis: Any = None, keepdims: bool = False) -> Rounded:
    summed = total(x, axis, keepdims)
    return divide(summed, x.size // max(summed.size, 1))


def compare(test: Callable[[Any, Any], Any], a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    with numpy.errstate(all="ignore"):
        (_, ex, _), (_, ey, _) = numbers(x), numbers(y)
        near = abs(x.value - y.value) <= ex + ey
    assert not (near & (ex + ey > 0)).any(), "float32 cannot tell two numbers of this test apart"
    return Rounded(numpy.asarray(test(x.value, y.value)))
