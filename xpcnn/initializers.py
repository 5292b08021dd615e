"""Initializers: the first values of parameters, drawn on the host in float64 and kept as float32.

`initializer(shape, rng) -> numpy float32 array`. fan_in and fan_out count the inputs and outputs of
a unit: in and out for dense weights `(in, out)`; (in/groups)·kh·kw and out·kh·kw for convolution
weights `(out, in/groups, kh, kw)`, as in PyTorch. Normal distributions are not truncated.
Initializers that use fans raise a `ShapeError` for a shape without fans, such as that of a bias.
"""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Protocol, TypeAlias

import numpy
from numpy.typing import NDArray

from xpcnn import random
from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.options import FINITE, NON_NEGATIVE, check
from xpcnn.types import Shape

Host: TypeAlias = NDArray[numpy.float32]


class Initializer(Protocol):
    """A function from a shape and a random generator to values."""

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host: ...


@dataclass(frozen=True)
class Zeros:
    """Set all values to 0."""

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return numpy.zeros(shape, numpy.float32)


@dataclass(frozen=True)
class Constant:
    """Set all values to one number.

    value: any finite number.
    """

    value: float = 1.0

    def __post_init__(self) -> None:
        check(self, value=FINITE)

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return numpy.full(shape, self.value, numpy.float32)


@dataclass(frozen=True)
class Normal:
    """Draw from the normal distribution N(mean, std²).

    std: standard deviation, at least 0.
    mean: any finite number.
    """

    std: float = 0.01
    _: KW_ONLY
    mean: float = 0.0

    def __post_init__(self) -> None:
        check(self, std=NON_NEGATIVE, mean=FINITE)

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return rng.normal(self.mean, self.std, shape).astype(numpy.float32)


@dataclass(frozen=True)
class Uniform:
    """Draw from the uniform distribution U(low, high).

    low, high: any finite numbers, `low` not above `high`.
    """

    low: float = -0.05
    high: float = 0.05

    def __post_init__(self) -> None:
        check(self, low=FINITE, high=FINITE)
        if self.low > self.high:
            message = f"Uniform: low must not be above high, got {self.low:g} and {self.high:g}"
            raise ConfigError(hint(message, f"Uniform({self.high:g}, {self.low:g})"))

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return rng.uniform(self.low, self.high, shape).astype(numpy.float32)


@dataclass(frozen=True)
class LeCunNormal:
    """Draw from N(0, 1 / fan_in): the output of a linear unit keeps the variance of its inputs.

    Source: LeCun et al., "Efficient BackProp", 1998.
    """

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return _normal(1.0 / fans(shape)[0], shape, rng)


@dataclass(frozen=True)
class LeCunUniform:
    """Draw from U(-a, a) with a = √(3 / fan_in), of variance 1 / fan_in.

    Source: LeCun et al., "Efficient BackProp", 1998.
    """

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return _uniform(1.0 / fans(shape)[0], shape, rng)


@dataclass(frozen=True)
class GlorotNormal:
    """Draw from N(0, 2 / (fan_in + fan_out)).

    A compromise: 1 / fan_in keeps the variance in the forward pass, 1 / fan_out in the backward.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return _normal(2.0 / sum(fans(shape)), shape, rng)


@dataclass(frozen=True)
class GlorotUniform:
    """Draw from U(-a, a) with a = √(6 / (fan_in + fan_out)), of variance 2 / (fan_in + fan_out).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation 16.
    """

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return _uniform(2.0 / sum(fans(shape)), shape, rng)


@dataclass(frozen=True)
class HeNormal:
    """Draw from N(0, 2 / fan_in), for ReLU, which halves the variance.

    Source: He et al. 2015, arXiv:1502.01852, equation 10.
    """

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return _normal(2.0 / fans(shape)[0], shape, rng)


@dataclass(frozen=True)
class HeUniform:
    """Draw from U(-a, a) with a = √(6 / fan_in), of variance 2 / fan_in, for ReLU.

    Source: He et al. 2015, arXiv:1502.01852.
    """

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        return _uniform(2.0 / fans(shape)[0], shape, rng)


@dataclass(frozen=True)
class Orthogonal:
    """Draw `gain` times a matrix with orthonormal rows or columns, whichever are fewer.

    The matrix is the weights as (first axis, all others). It is Q of the QR decomposition of a
    normal matrix, each column with the sign of R's diagonal, so that every Q is equally likely.
    Sources: Saxe, McClelland, Ganguli, 2014; Mezzadri, 2007 (the signs).

    gain: any finite number.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check(self, gain=FINITE)

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        fans(shape)
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = numpy.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * numpy.copysign(1.0, numpy.diagonal(r))
        matrix = q if rows >= columns else q.T
        return numpy.ascontiguousarray(self.gain * matrix, numpy.float32).reshape(shape)


@dataclass(frozen=True)
class Dirac:
    """Let the first filters of a convolution pass the channels on: y[c] = x[c] where padding is
    "same" and the sides of the filters are odd.

    Of filter f < in/groups, channel f has 1 in the middle and 0 elsewhere. Further filters are
    drawn by `rest`. Source: Zagoruyko and Komodakis, "DiracNets", 2017.

    rest: initializer of the filters that are more than channels.

    Raises:
        ShapeError: the weights are not those of a convolution.
    """

    rest: Initializer = HeNormal()

    def __call__(self, shape: Shape, rng: numpy.random.Generator, /) -> Host:
        if len(shape) != 4:
            message = f"Dirac is for convolutions (out, in/groups, kh, kw), got shape {shape}"
            raise ShapeError(hint(message, "HeNormal()"))
        weight = numpy.array(self.rest(shape, rng), numpy.float32)
        passing = range(min(shape[:2]))
        weight[: len(passing)] = 0.0
        weight[passing, passing, shape[2] // 2, shape[3] // 2] = 1.0
        return weight


INITIALIZERS: Mapping[str, type[Initializer]] = {
    kind.__name__: kind
    for kind in (
        *(Zeros, Constant, Normal, Uniform, LeCunNormal, LeCunUniform),
        *(GlorotNormal, GlorotUniform, HeNormal, HeUniform, Orthogonal, Dirac),
    )
}
"""By class name, for model files."""


@dataclass(frozen=True)
class Draw:
    """Draws the parameters of one layer, each from a random stream of its own.

    The stream is Philox with the key of (seed, "init/<path>.<name>"): the same seed gives a
    parameter the same values on every backend, whatever else is drawn.

    seed: any whole number.
    path: dotted path of the layer.
    """

    seed: int
    path: str = ""

    def at(self, name: str) -> "Draw":
        """Return the Draw of the child layer called `name`."""
        return Draw(self.seed, self._join(name))

    def __call__(self, name: str, initializer: Initializer, shape: Shape) -> Host:
        """Return the first values of the parameter `name`, float32 of the given shape.

        Raises:
            ConfigError: `initializer` is not an initializer, or a class instead of an object.
        """
        if isinstance(initializer, type) or not callable(initializer):
            message = f"{self._join(name)}: {initializer!r} is not an initializer"
            raise ConfigError(hint(message, "an object such as xpcnn.initializers.HeNormal()"))
        key = random.key(self.seed, f"init/{self._join(name)}")
        rng = numpy.random.Generator(numpy.random.Philox(key=key))
        return numpy.asarray(initializer(shape, rng), numpy.float32)

    def _join(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def fans(shape: Shape) -> tuple[int, int]:
    """Return (fan_in, fan_out) of weights.

    shape: (in, out) or (out, in/groups, kh, kw).

    Raises:
        ShapeError: `shape` has a rank below 2 or an axis of length 0.
    """
    if len(shape) < 2 or 0 in shape:
        expected = "weights (in, out) or (out, in/groups, kh, kw)"
        message = f"initializers that scale by fans need {expected}, got shape {shape}"
        raise ShapeError(hint(message, "Zeros(), Constant(value) or Normal(std) for biases"))
    if len(shape) == 2:
        return shape[0], shape[1]
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _normal(variance: float, shape: Shape, rng: numpy.random.Generator) -> Host:
    """Draw from N(0, variance)."""
    return rng.normal(0.0, math.sqrt(variance), shape).astype(numpy.float32)


def _uniform(variance: float, shape: Shape, rng: numpy.random.Generator) -> Host:
    """Draw from U(-a, a), whose variance is a²/3."""
    limit = math.sqrt(3.0 * variance)
    return rng.uniform(-limit, limit, shape).astype(numpy.float32)
