"""Arrays that carry beside every number how far from it float32 arithmetic may be.

The references, layers and optimizers run on any array library. On this one they compute in float64
and bound their own rounding errors as they go (running error analysis: Higham, "Accuracy and
Stability of Numerical Algorithms", 2002, section 3.3). To first order in u = 2^-24, with e_x the
bound of x and |x|* the same expression of absolute values, in which nothing cancels:

    x + y           e_x + e_y + min(u (|x|* + |y|*), |x|*, |y|*)
    x y             |x| e_y + |y| e_x + e_x e_y + u |x y|
    x / y           (e_x + |x/y| e_y) / (|y| - e_y) + 2 u |x/y|, as kernels may multiply by 1/y;
                    u |x/y| where y is a power of two
    sqrt x          the change of the root by e_x, + u sqrt x
    exp, log, cos.. the change by e_x, + 8 u |y|: NumPy, CUDA and PyTorch promise 4 units in the
                    last place, and a unit is up to 2 u |y|
    sum of k        sum e_i + r(k - 1) u sum |x_i|*, in whatever order it is summed
    product of k    |A| e_B + e_A |B| + e_A e_B + (1 + r(k - 1)) u |A|* |B|*

So a bound is c u times the expression of absolute values, c from the number of roundings: it does
not shrink where terms cancel, and holds in whatever order kernels add them.

r(k) = min(k, 3 sqrt k). The first is proven for any order of a sum, fused multiply-adds included.
The second holds if roundings are independent (Higham and Mary, "A new approach to probabilistic
rounding error analysis", 2019): each has a variance of u^2/3 at most, so that 3 sqrt(k) u is 5.2
standard deviations of their sum if every partial sum is as large as the sum of all magnitudes, and
9 where partial sums grow from 0 to it.

What float32 holds exactly, in any order, has no error: sums and products of multiples of a power of
two that stay below 2^24 of it, and products with a power of two. So whole numbers must be equal to
the last bit, and of equal ones the first must win.

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


def is_float(x: Host) -> bool:
    return bool(x.dtype.kind == "f")


def rounding(x: Host) -> Host:
    """Return by how much float32 misses each number."""
    with numpy.errstate(all="ignore"):
        missed: Host = abs(x.astype("float32") - x)
    return numpy.where(numpy.isfinite(x), missed, 0.0)


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
    if not (x * 2.0**15 % 1 == 0).all():
        return 0.0
    return next(2.0**-s for s in range(16) if (x * 2.0**s % 1 == 0).all())


def is_summed_exactly(magnitude: Host, step: float) -> bool:
    """Whether all partial sums of multiples of `step` are float32 numbers."""
    return step > 0 and bool((magnitude <= 2.0**24 * step).all())


def is_exact(*bounds: Host) -> bool:
    return not any(e.any() for e in bounds)


def is_power(x: Host, e: Host) -> Host:
    """Tell where numbers are 0 or a power of two, so that a product with them is exact."""
    found: Host = (e == 0) & ((abs(numpy.frexp(x)[0]) == 0.5) | (x == 0))
    return found


def compare(test: Callable[[Any, Any], Any], a: Any, b: Any) -> Rounded:
    x, y = lift(a), lift(b)
    with numpy.errstate(all="ignore"):
        (_, ex, _), (_, ey, _) = numbers(x), numbers(y)
        near = abs(x.value - y.value) <= ex + ey
    assert not (near & (ex + ey > 0)).any(), "float32 cannot tell two numbers of this test apart"
    return Rounded(numpy.asarray(test(x.value, y.value)))


def elementary(f: Any, change: Callable[[Host, Host, Host], Host], own: float = ELEMENTARY) -> Any:
    """Return a function of one argument; change(x, e, y): how far y moves as x moves by e."""

    def run(x: Rounded) -> Rounded:
        _, e, _ = numbers(x)
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
    value, error, magnitude = (
        numpy.where(c, p, q) for p, q in zip(numbers(x), numbers(y), strict=True)
    )
    return Rounded(value, error, magnitude) if is_float(value) else Rounded(value)


def extreme(f: Any) -> Any:
    """Return a maximum or minimum: it moves by no more than the numbers that it is taken of."""

    def run(a: Any, b: Any = None, **options: Any) -> Rounded:
        if b is not None:
            (vx, ex, _), (vy, ey, _) = numbers(lift(a)), numbers(lift(b))
            return Rounded(f(vx, vy), numpy.maximum(ex, ey))
        v, e, _ = numbers(a)
        most = numpy.maximum.reduce(e, **options)
        return Rounded(numpy.asarray(f.reduce(v, **options)), numpy.asarray(most))

    return run


def reduced(f: Any) -> Any:
    return lambda x, axis=None, keepdims=False: f(x, axis=axis, keepdims=keepdims)


def moved(f: Any) -> Any:
    """Return a function that moves elements of its first argument."""
    return lambda x, *args, **options: mapped(lambda a: f(a, *args, **options), x)


def joined(f: Any) -> Any:
    """Return a function that joins arrays."""

    def run(arrays: Sequence[Rounded], **options: Any) -> Rounded:
        value, error, magnitude = (
            f(list(part), **options) for part in zip(*map(numbers, arrays), strict=True)
        )
        return Rounded(value, error, magnitude) if is_float(value) else Rounded(value)

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
