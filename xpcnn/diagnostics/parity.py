"""Comparing array libraries on a model: layer by layer, forward and backward, then some steps.

    print(check_parity(model, ("numpy", "torch")))

Every result is compared with the first backend's in float64. A library may differ from it by

    |error| <= roundings * eps * magnitude

in float64 and in float32, with the machine epsilon `eps` of the dtype; one that is infinite or NaN
on the first backend agrees with nothing. The magnitude is the largest
of: the result; the same computed on absolute values, in which no terms cancel; and by how much the
result moves, relative to d, where all that goes in is changed by a random part of itself up to d.
`roundings` follows from the number of terms of the longest sum; see `passes`.

In float32 rounding may decide which of two nearly equal elements wins a window, or on which side of
0 one lies; the steps then part for good. That is a coincidence of one batch, while a fault shows in
all, so the steps may try several batches.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from xpcnn.backend import Backend, load, problem
from xpcnn.diagnostics.passes import Arrays, Passes, passes_of
from xpcnn.errors import BackendError, ConfigError, hint
from xpcnn.markup import ShownAsText
from xpcnn.model import Model
from xpcnn.model_arguments import check_seed
from xpcnn.options import check_count
from xpcnn.training import TrainingOptions

CHANGE = 1e-6
"""d: small enough for a linear answer, and far above the rounding of float64."""

CHANGES = 2
"""Number of random changes; the largest difference counts."""

BATCHES = 3
"""Seeds of which one must agree in the steps."""


@dataclass(frozen=True)
class Compared:
    """One result of a backend beside that of the first one in float64.

    error: the largest difference of two elements; bound: what rounding may make of it.
    """

    what: str
    backend: str
    dtype: str
    error: float
    bound: float
    magnitude: float

    @property
    def agrees(self) -> bool:
        return self.error <= self.bound < math.inf  # NaN does not

    def __str__(self) -> str:
        where = f"{self.backend}, {self.dtype}: {self.what}"
        if not math.isfinite(self.magnitude):
            return f"{where}: cannot be compared: infinite or NaN on the first backend in float64"
        sizes = f"off by {self.error:.2g}, of a magnitude of {self.magnitude:.2g}"
        return f"{where}: {sizes}; bound {self.bound:.2g}"


@dataclass(frozen=True)
class Parity(ShownAsText):
    """The result of `check_parity`; print it to read it.

    backends: the backends compared; the others are compared with the first.
    missing: why a backend could not be used here, and what to do, by name.
    results: the comparisons in the order of computing: layers, loss, steps; by backend and dtype.
    """

    backends: tuple[str, ...]
    missing: dict[str, str]
    results: tuple[Compared, ...]

    @property
    def agrees(self) -> bool:
        """Whether every backend asked for was compared, and every result lies in its bound."""
        return not self.missing and self.first is None

    @property
    def first(self) -> Compared | None:
        """The first result outside of its bound; None if there is none."""
        return next((result for result in self.results if not result.agrees), None)

    def __str__(self) -> str:
        lines = [f"{name}: not compared: {why}" for name, why in self.missing.items()]
        names = " and ".join(self.backends)
        if self.first is None:
            closest = max(self.results, key=lambda result: result.error / (result.bound or 1.0))
            share = closest.error / (closest.bound or 1.0)
            lines += [
                f"{names} agree in all {len({result.what for result in self.results})} results: "
                "layers forward and backward, loss, and training steps",
                f"closest to its bound ({share:.0%}): {closest}",
            ]
        else:
            bad = [result for result in self.results if not result.agrees]
            lines += [
                f"{names} differ in {len(bad)} of {len(self.results)} comparisons, first in",
                f"  {self.first}",
                *(f"then {result}" for result in bad[1:4]),
            ]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "agrees": self.agrees,
            "backends": list(self.backends),
            "missing": self.missing,
            "first": None if self.first is None else _plain(self.first),
            "results": [_plain(result) for result in self.results],
        }


def check_parity(
    model: Model,
    backends: Sequence[str] = ("numpy", "torch"),
    *,
    options: TrainingOptions | None = None,
    batch: int = 8,
    seed: int = 0,
) -> Parity:
    """Compare the results of backends for a model: every layer forward and backward, loss, steps.

    The model stays unchanged.

    Args:
        model: a model, whose parameters are used with random samples and labels.
        backends: names of array libraries, two or more; the others are compared with the first.
        options: training options of the steps; None means `TrainingOptions()`.
        batch: number of samples in a batch.
        seed: seed of samples, labels and dropout.

    Raises:
        BackendError: fewer than two of the backends can be used here, or a name is unknown.
    """
    check_count("batch", batch)
    names = list(dict.fromkeys(backends))
    if len(names) < 2:
        message = (
            f"backends: expected two different names or more, got {', '.join(names) or 'none'}"
        )
        raise ConfigError(hint(message, "numpy and torch"))
    missing = {name: f"{found[0]}. Try: {found[1]}" for name in names if (found := problem(name))}
    opened = [load(name) for name in names if name not in missing]
    if len(opened) < 2:
        raise BackendError(
            hint(
                f"of the backends {', '.join(names)}, {len(opened)} can be used here; "
                + "; ".join(
                    f"{name}: {why.partition('. Try')[0]}" for name, why in missing.items()
                ),
                "numpy and a backend that is installed",
            )
        )
    chosen = options or TrainingOptions()
    seed = check_seed(seed)
    results: list[Compared] = []
    with numpy.errstate(all="ignore"):
        parts = passes_of(model.network, chosen, batch, seed)
        for part in parts[:-1]:
            results += compared(part, opened, seed)
        steps = compared(parts[-1], opened, seed)
        for other in range(seed + 1, seed + BATCHES):
            if all(result.agrees for result in steps):
                break
            steps = compared(passes_of(model.network, chosen, batch, other)[-1], opened, other)
    return Parity(tuple(b.name for b in opened), missing, (*results, *steps))


def compared(part: Passes, backends: Sequence[Backend], seed: int) -> list[Compared]:
    """Return all results of some passes on every backend, beside those of the first in float64."""
    first = backends[0]
    expected = part.run(first, "float64", part.arrays)
    magnitudes = _magnitudes(part, first, expected, seed)
    found: dict[str, list[Compared]] = {what: [] for what in expected}
    for backend in backends:
        for dtype in ("float64", "float32"):
            if backend is first and dtype == "float64":
                continue
            got = part.run(backend, dtype, part.arrays)
            eps = part.roundings * float(numpy.finfo(dtype).eps)
            for what, value in expected.items():
                error = _largest(got[what] - value)
                bound = eps * magnitudes[what]
                found[what].append(
                    Compared(what, backend.name, dtype, error, bound, magnitudes[what])
                )
    return [result for results in found.values() for result in results]


def _magnitudes(part: Passes, backend: Backend, expected: Arrays, seed: int) -> dict[str, float]:
    """Return by result what its errors are in proportion to; see the top of this file."""
    sizes = {what: _largest(value) for what, value in expected.items()}
    if part.positive:
        positive = part.run(backend, "float64", {name: abs(a) for name, a in part.arrays.items()})
        sizes = {what: max(size, _finite(positive[what])) for what, size in sizes.items()}
    rng = numpy.random.default_rng(seed)
    for _ in range(CHANGES):
        near = {
            name: a * (1.0 + CHANGE * rng.uniform(-1.0, 1.0, a.shape))
            for name, a in part.arrays.items()
        }
        moved = part.run(backend, "float64", near)
        for what, value in expected.items():
            sizes[what] = max(sizes[what], _finite(moved[what] - value) / CHANGE)
    return sizes


def _largest(x: numpy.ndarray) -> float:
    return float(abs(x).max(initial=0.0))


def _finite(x: numpy.ndarray) -> float:
    """Return the largest absolute value, 0 where that is not finite."""
    largest = _largest(x)
    return largest if numpy.isfinite(largest) else 0.0


def _plain(result: Compared) -> dict[str, Any]:
    return {**vars(result), "agrees": result.agrees}
