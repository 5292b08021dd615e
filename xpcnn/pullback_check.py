"""The gradient check of an op: `check_pullback`; and in words, where a gradient is wrong."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy

from xpcnn.backend import Backend, load
from xpcnn.errors import GradientError, hint
from xpcnn.options import shown
from xpcnn.types import Array, Shape

Host: TypeAlias = numpy.ndarray[Any, Any]

MOST_ENTRIES = 200
"""Entries of a wrong gradient that are compared one by one."""


def check_pullback(
    op: Callable[..., Any],
    *arrays: Any,
    backend: str | Backend = "numpy",
    seed: int = 0,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-5,
    **hyperparameters: Any,
) -> None:
    """Check that the pullback of an op returns the gradients of its output.

        check_pullback(ops.conv2d, x, w, b, stride=2)

    In float64, for every array a of floating dtype that the pullback returns a gradient for:

        |<da, v> - <dy, y(a + eps v) - y(a - eps v)> / (2 eps)| <= atol + rtol |<da, v>|

    with random dy and v. At ties and kinks, such as ReLU's at 0, a difference is not a derivative:
    give values away from them.

    Args:
        op: a function (arrays, hyperparameters) -> (y, pullback), of `xpcnn.ops` or your own. If y
            is a tuple, the pullback is that of its first array.
        arrays: of NumPy, in the order of the op's arguments; None and arrays of integers, such as
            labels, are passed on as they are.
        backend: the array library to run on: a name, or what `xpcnn.backend.load` returns.
        seed: seed of dy and v.
        eps: step of the central difference, in units of the arrays.
        atol, rtol: absolute and relative tolerance; the defaults find an error of 0.05 %.
        hyperparameters: of the op, by name.

    Raises:
        GradientError: the check failed; the message names the array and shows both values.
    """
    library = load(backend) if isinstance(backend, str) else backend
    rng = numpy.random.default_rng(seed)
    name = getattr(op, "__name__", type(op).__name__)
    given = [_as_float64(a) for a in arrays]

    def run(values: Sequence[Any]) -> tuple[Array, Any]:
        moved = [library.from_host(a) if isinstance(a, numpy.ndarray) else a for a in values]
        found = op(*moved, **hyperparameters)
        if not isinstance(found, tuple) or len(found) != 2 or not callable(found[1]):
            message = f"{name} returned {shown(found)}, expected (y, pullback)"
            raise GradientError(hint(message, "return y, pullback"))
        y, pullback = found
        return (y[0] if isinstance(y, tuple) else y), pullback

    y, pullback = run(given)
    dy = numpy.asarray(rng.standard_normal(tuple(y.shape)))
    gradients = pullback(library.from_host(dy))
    is_tuple = isinstance(gradients, tuple)
    if not is_tuple or len(gradients) < len(arrays) or _given(gradients[len(arrays) :]):
        got = f"{len(gradients)} values" if is_tuple else shown(gradients)
        message = f"{name}: the pullback returned {got}, expected a tuple with a gradient for each "
        message += f"of the {len(arrays)} arrays"
        raise GradientError(hint(message, "return (dx,), for an op of one array"))
    if not _given(gradients):
        message = f"{name}: the pullback returned no gradient that could be checked"
        raise GradientError(hint(message, "arrays of floating dtype"))
    for i, (a, gradient) in enumerate(zip(given, gradients, strict=False)):
        if gradient is None:
            continue
        argument = _name_of(op, i)
        if tuple(getattr(gradient, "shape", ())) != numpy.shape(a):
            message = f"{name}: the gradient of {argument} is {shown(gradient)}"
            if hasattr(gradient, "shape"):
                message = f"{name}: the gradient of {argument} has shape {tuple(gradient.shape)}"
            advice = "a gradient in the shape of its array"
            raise GradientError(hint(f"{message}, expected {numpy.shape(a)}", advice))

        def difference(h: Host, i: int = i, a: Any = a) -> float:
            """Return (<dy, y(a + h)> - <dy, y(a - h)>) / 2."""
            ahead, behind = (
                library.to_host(run([*given[:i], a + s * h, *given[i + 1 :]])[0])
                for s in (1.0, -1.0)
            )
            return float(numpy.sum(dy * (ahead - behind))) / 2.0

        da = library.to_host(gradient)
        v = numpy.asarray(rng.standard_normal(a.shape))
        analytic, numeric = float(numpy.sum(da * v)), difference(eps * v) / eps
        allowed = atol + rtol * abs(analytic)
        if abs(analytic - numeric) <= allowed < math.inf:  # NaN and infinity fail too
            continue
        chosen = numpy.sort(rng.permutation(a.size)[:MOST_ENTRIES])
        expected = numpy.zeros(len(chosen))
        for k, at in enumerate(chosen):
            step = numpy.zeros(a.size)
            step[at] = eps
            expected[k] = difference(step.reshape(a.shape)) / eps
        entries, advice = wrong_entries(
            da.reshape(-1)[chosen],
            expected,
            [tuple(map(int, numpy.unravel_index(at, a.shape))) for at in chosen],
            lambda got: atol + rtol * abs(got),
        )
        message = (
            f"{name}: the gradient of {argument} is wrong. Along a random direction:\n"
            f"    analytic {analytic:+.10e} (pullback)\n"
            f"    numeric  {numeric:+.10e} (central difference)\n"
            f"{entries}"
        )
        raise GradientError(hint(message, advice))


def _given(gradients: Sequence[Any]) -> bool:
    """Whether there is a gradient; None stands for an argument that has none, or was left out."""
    return any(gradient is not None for gradient in gradients)


def _as_float64(array: Any) -> Any:
    """Return an array of floating dtype, or a Python float, in float64; all else as it is."""
    host = numpy.asarray(array) if isinstance(array, float | list) else array
    if isinstance(host, numpy.ndarray) and host.dtype.kind == "f":
        return host.astype(numpy.float64)
    return host


def _name_of(op: Callable[..., Any], place: int) -> str:
    """Return the name of an argument of the op by its place."""
    try:
        return list(inspect.signature(op).parameters)[place]
    except (ValueError, IndexError):  # a function in C, or one with *arrays
        return f"array {place}"


def wrong_entries(
    got: Host, expected: Host, places: Sequence[Shape], tolerance: Callable[[Host], Host]
) -> tuple[str, str]:
    """Return in words where a gradient is wrong, and what to look for.

    got, expected, places: entries of the gradient, their central differences, and their indices.
    tolerance: by how much an entry may differ.
    """
    off, allowed = abs(got - expected), tolerance(got)
    wrong = ~((off <= allowed) & (allowed < numpy.inf))
    most = int(numpy.argmax(numpy.where(numpy.isfinite(off), off, numpy.inf)))
    text = (
        f"    wrong in {int(wrong.sum())} of {len(got)} entries, most in {list(places[most])}: "
        f"{got[most]:+.4e} (pullback), {expected[most]:+.4e} (difference)"
    )
    advice = "deriving the pullback again; if the forward pass has kinks, another seed"
    square = float(expected @ expected)
    ratio = float(got @ expected) / square if square else 0.0
    if not numpy.isfinite(got).all():
        advice = "a pullback that divides by nothing that may be 0"
    elif ratio and (abs(got - ratio * expected) <= tolerance(got) + 1e-6 * abs(got)).all():
        advice = f"a factor in the pullback: every entry is {ratio:.6g} times what it should be"
    elif (abs(numpy.sort(got) - numpy.sort(expected)) <= tolerance(numpy.sort(got))).all():
        advice = "another order of axes: the entries are right, but in other places"
    return text, advice
