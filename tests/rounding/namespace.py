"""The array API functions of `Rounded`, as far as the package calls them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from tests.rounding.arrays import Rounded, exact, lift, mapped, mean, numbers, to_single, total
from tests.rounding.bits import ELEMENTARY, UNIT, Host, is_float


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
