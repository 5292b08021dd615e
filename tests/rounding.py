"""Arrays that carry beside every number how far from it float32 arithmetic may be.

The references, layers and optimizers run on any array library. On this one they compute in float64
and bound their own rounding errors as they go (running error analysis: Higham, "Accuracy and
Stability of Numerical Algorithms", 2002, section 3.3). Every bound grows with the magnitudes of the
terms, never with the result, which may be near 0 where terms cancel. To first order in u = 2^-24,
where e_x bounds the error of x:

    x + y           e_x + e_y + min(u |x + y|, |x|, |y|)
    x y             |x| e_y + |y| e_x + e_x e_y + u |x y|
    x / y           (e_x + |x/y| e_y) / (|y| - e_y) + 2 u |x/y|, as kernels may multiply by 1/y;
                    u |x/y| where y is a power of two
    sqrt x          the change of the root by e_x, + u sqrt x
    exp, log, cos.. the change by e_x, + 8 u |y|: NumPy, CUDA and PyTorch promise 4 units in the
                    last place, and a unit is up to 2 u |y|
    sum of k        sum e_i + r(k - 1) u sum |x_i|, in whatever order it is summed
    product of k    |A| e_B + e_A |B| + e_A e_B + (1 + r(k - 1)) u |A| |B|

r(k) = min(k, 3 sqrt k). The first is proven for any order of a sum, fused multiply-adds included.
The second holds if roundings are independent (Higham and Mary, "A new approach to probabilistic
rounding error analysis", 2019): each has a variance of u^2/3 at most, so that 3 sqrt(k) u is 5.2
standard deviations of their sum if every partial sum is as large as the sum of all magnitudes, and
9 where partial sums grow from 0 to it.

What float32 holds exactly has no error: sums and products of exact numbers that are themselves
float32 numbers, and sums of multiples of a power of two that stay below 2^24 of it. So whole
numbers must be equal to the last bit, and of equal ones the first must win.

A comparison that float32 cannot decide is an AssertionError: a test's numbers must not lie there.
"""

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy

Host: TypeAlias = numpy.ndarray[Any, Any]

UNIT = 2.0**-24
"""u, the largest relative error of one rounding to float32."""
ELEMENTARY = 8.0
"""Relative error of exp, log, cos, tanh and their kind, in u."""
FLUSHED = 2.0**-122
"""Numbers as small as this may be 0: kernels need not keep subnormal ones."""


class Rounded:
    """Numbers in float64, or whole ones and booleans, which are exact and have no error."""

    __array_ufunc__ = None  # arithmetic of NumPy's arrays with these is left to these
    device = "cpu"

    def __init__(self, value: Host, error: Host | None = None) -> None:
        self.value = value
        self.error = numpy.zeros(value.shape) if error is None and is_float(value) else error

    dtype = property(lambda self: self.value.dtype)
    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    T = property(lambda self: mapped(numpy.transpose, self))

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return NAMESPACE

    def __getitem__(self, key: Any) -> "Rounded":
        return mapped(lambda a: a[key], self)

    def reshape(self, *shape: Any) -> "Rounded":
        return mapped(lambda a: a.reshape(*shape), self)

    def __neg__(self) -> "Rounded":
        return Rounded(-self.value, self.error)

    def __abs__(self) -> "Rounded":
        return Rounded(abs(self.value), self.error)

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


def is_float(x: Host) -> bool:
    return bool(x.dtype.kind == "f")


def rounding(x: Host) -> Host:
    """Return by how much float32 misses each number."""
    with numpy.errstate(all="ignore"):
        missed: Host = abs(x.astype("float32") - x)
    return numpy.where(numpy.isfinite(x), missed, 0.0)


def mapped(move: Callable[[Host], Host], x: Rounded) -> Rounded:
    """Apply a move of elements to values and errors alike."""
    return Rounded(move(x.value), None if x.error is None else move(x.error))


def errors(*arrays: Rounded) -> list[Host]:
    return [numpy.zeros(a.shape) if a.error is None else a.error for a in arrays]


def finished(value: Host, carried: Host, rounded: Host, *inputs: Rounded) -> Rounded:
    """Return a result with the error of its inputs and that of its own rounding, which is known
    where the inputs are exact."""
    if not is_float(value):
        return Rounded(value)
    known = numpy.zeros(value.shape, bool) | True
    for e in errors(*inputs):
        known = known & (e == 0)
    return Rounded(value, numpy.where(known, rounding(value), carried + rounded))


def add(a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    ex, ey = errors(x, y)
    with numpy.errstate(all="ignore"):
        value = numpy.asarray(x.value + y.value)
        least = numpy.minimum(abs(x.value) + ex, abs(y.value) + ey)  # no sum misses by more
        rounded = numpy.minimum(UNIT * (abs(value) + ex + ey), least)
        return finished(value, ex + ey, rounded, x, y)


def multiply(a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    ex, ey = errors(x, y)
    with numpy.errstate(all="ignore"):
        value = numpy.asarray(x.value * y.value)
        carried = abs(x.value) * ey + abs(y.value) * ex + ex * ey
        return finished(value, carried, UNIT * (abs(value) + carried), x, y)


def divide(a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    ex, ey = errors(x, y)
    with numpy.errstate(all="ignore"):
        value = numpy.asarray(x.value / y.value)
        least = abs(y.value) - ey
        carried = numpy.where(least > 0, (ex + abs(value) * ey) / least, numpy.inf)
        is_power = abs(numpy.frexp(y.value)[0]) == 0.5
        count = numpy.where(is_power | (value == 0), 1, 2)
        known = is_power & (ex == 0) & (ey == 0)
        rounded = count * UNIT * (abs(value) + carried)
        return Rounded(value, numpy.where(known, rounding(value), carried + rounded))


def product(x: Rounded, y: Rounded) -> Rounded:
    """Return the matrix product, its sums in any order."""
    ex, ey = errors(x, y)
    value = x.value @ y.value
    size_x, size_y = abs(x.value), abs(y.value)
    size = (size_x + ex) @ (size_y + ey)
    if not (ex.any() or ey.any()) and is_summed_exactly(size, quantum(x.value) * quantum(y.value)):
        return Rounded(value)
    carried = size_x @ ey + ex @ size_y + ex @ ey
    return Rounded(value, carried + (1 + roundings(x.shape[-1] - 1)) * UNIT * size)


def total(x: Rounded, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Rounded:
    """Return sums along axes, in any order."""
    value = numpy.asarray(numpy.sum(x.value, axis=axis, keepdims=keepdims))
    if x.error is None:
        return Rounded(value)
    size = numpy.asarray(numpy.sum(abs(x.value) + x.error, axis=axis, keepdims=keepdims))
    if not x.error.any() and is_summed_exactly(size, quantum(x.value)):
        return Rounded(value)
    count = x.size // max(value.size, 1)
    carried = numpy.sum(x.error, axis=axis, keepdims=keepdims)
    return Rounded(value, carried + roundings(count - 1) * UNIT * size)


def mean(x: Rounded, axis: Any = None, keepdims: bool = False) -> Rounded:
    summed = total(x, axis, keepdims)
    return divide(summed, x.size // max(summed.size, 1))


_chain: ContextVar[int] = ContextVar("_chain", default=2**62)


@contextmanager
def chains_of(longest: int) -> Iterator[None]:
    """Bound sums that are cut: no number goes through more additions in float32 than this."""
    token = _chain.set(longest)
    try:
        yield
    finally:
        _chain.reset(token)


def roundings(count: int) -> float:
    """Return r(count), by how many u so many additions err; see the top of this file."""
    chain = max(min(count, _chain.get()), 0)
    return min(float(chain), 3.0 * math.sqrt(chain))


def quantum(x: Host) -> float:
    """Return a power of two of which all numbers are multiples, 0 for none that is not tiny."""
    if not numpy.isfinite(x).all():
        return 0.0
    return next((2.0**-s for s in range(16) if (x * 2.0**s % 1 == 0).all()), 0.0)


def is_summed_exactly(size: Host, step: float) -> bool:
    """Whether all partial sums of multiples of `step` are float32 numbers; size: of magnitudes."""
    return bool((size <= 2.0**24 * step).all())


def compare(test: Callable[[Any, Any], Any], a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    with numpy.errstate(all="ignore"):
        ex, ey = errors(x, y)
        near = abs(x.value - y.value) <= ex + ey
    assert not (near & (ex + ey > 0)).any(), "float32 cannot tell two numbers of this test apart"
    return Rounded(numpy.asarray(test(x.value, y.value)))


def elementary(f: Any, change: Callable[[Host, Host, Host], Host], own: float = ELEMENTARY) -> Any:
    """Return a function of one argument; change(x, e, y): how far y moves as x moves by e."""

    def run(x: Rounded) -> Rounded:
        (e,) = errors(x)
        with numpy.errstate(all="ignore"):
            y = numpy.asarray(f(x.value))
            carried = change(x.value, e, y)
            error = carried + own * UNIT * (abs(y) + carried)
        plain = numpy.isin(x.value, [0.0, 1.0]) & numpy.isin(y, [0.0, 1.0])  # such as exp 0 = 1
        return Rounded(y, numpy.where((e == 0) & plain, 0.0, error))

    return run


def root_change(x: Host, e: Host, y: Host) -> Host:
    below = numpy.sqrt(numpy.maximum(x - e, 0.0))
    return numpy.where(e == 0, 0.0, numpy.maximum(y - below, e / (y + numpy.sqrt(x + e))))


def choose(condition: Any, a: Any, b: Any) -> Rounded:
    x, y, c = lift(a), lift(b), lift(condition).value
    if is_float(x.value) != is_float(y.value) or x.error is None:
        return Rounded(numpy.where(c, x.value, y.value))
    return Rounded(numpy.where(c, x.value, y.value), numpy.where(c, *errors(x, y)))


def extreme(f: Any) -> Any:
    """Return a maximum or minimum: it moves by no more than the numbers that it is taken of."""

    def run(a: Any, b: Any = None, **options: Any) -> Rounded:
        x = lift(a)
        if b is not None:
            y = lift(b)
            return Rounded(f(x.value, y.value), numpy.maximum(*errors(x, y)))
        (e,) = errors(x)
        return Rounded(
            numpy.asarray(f.reduce(x.value, **options)),
            numpy.asarray(numpy.maximum.reduce(e, **options)),
        )

    return run


def reduced(f: Any) -> Any:
    return lambda x, axis=None, keepdims=False: f(x, axis=axis, keepdims=keepdims)


def moved(f: Any) -> Any:
    """Return a function that moves elements of its first argument."""
    return lambda x, *args, **options: mapped(lambda a: f(a, *args, **options), x)


def joined(f: Any) -> Any:
    """Return a function that joins arrays."""

    def run(arrays: Sequence[Rounded], **options: Any) -> Rounded:
        value = f([a.value for a in arrays], **options)
        return Rounded(value, f(errors(*arrays), **options) if is_float(value) else None)

    return run


def made(f: Any) -> Any:
    """Return a function that makes exact arrays."""

    def run(*args: Any, device: Any = None, **options: Any) -> Rounded:
        return exact(f(*(a.value if isinstance(a, Rounded) else a for a in args), **options))

    return run


def filled(shape: Any, value: float, dtype: Any = None, device: Any = None) -> Rounded:
    x = lift(value)
    return mapped(lambda a: numpy.full(shape, a, a.dtype), x)


class Functions:
    """The array API functions that the package calls."""

    def __init__(self, **functions: Any) -> None:
        vars(self).update(functions)


NAMESPACE = Functions(
    **{name: getattr(numpy, name) for name in ("float64", "int64", "int32", "bool", "inf", "nan")},
    isdtype=numpy.isdtype,
    **{name: moved(getattr(numpy, name)) for name in ("reshape", "permute_dims", "take", "flip")},
    **{name: moved(getattr(numpy, name)) for name in ("matrix_transpose", "expand_dims", "roll")},
    concat=joined(numpy.concat),
    stack=joined(numpy.stack),
    **{name: made(getattr(numpy, name)) for name in ("zeros", "ones", "arange", "isnan")},
    **{name: made(getattr(numpy, name)) for name in ("zeros_like", "ones_like", "isfinite")},
    asarray=lambda x, dtype=None, device=None: to_single(x),
    full=filled,
    full_like=lambda x, value: filled(x.shape, value),
    astype=lambda x, dtype: x if x.dtype == dtype else exact(x.value.astype(dtype)),
    where=choose,
    sum=total,
    mean=mean,
    max=reduced(extreme(numpy.maximum)),
    min=reduced(extreme(numpy.minimum)),
    maximum=extreme(numpy.maximum),
    minimum=extreme(numpy.minimum),
    argmax=made(numpy.argmax),
    abs=abs,
    sign=lambda x: Rounded(1.0 * (x > 0).value - (x < 0).value),
    sqrt=elementary(numpy.sqrt, root_change, own=1.0),
    exp=elementary(numpy.exp, lambda x, e, y: y * numpy.expm1(e)),
    expm1=elementary(numpy.expm1, lambda x, e, y: (1 + y) * numpy.expm1(e)),
    log=elementary(numpy.log, lambda x, e, y: -numpy.log1p(-e / x)),
    log1p=elementary(numpy.log1p, lambda x, e, y: -numpy.log1p(-e / (1 + x))),
    cos=elementary(numpy.cos, lambda x, e, y: e),
    tanh=elementary(numpy.tanh, lambda x, e, y: e * (1 - y * y + e)),
)
