"""Activation layers, for samples of any shape. Formulas: `ops/reference/activation.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, without_parameters
from xpcnn.ops.activation import check_bounds, check_gelu
from xpcnn.options import FINITE, POSITIVE, Range, check
from xpcnn.types import Array, LayerPullback, Params, Pullback, Shape


@dataclass(frozen=True)
class Elementwise:
    """A layer that applies an op without parameters; its fields are the op's hyperparameters.

    op: the op, set by each subclass.
    ranges: allowed values of the fields, as `xpcnn.options.check` takes them.
    """

    op: ClassVar[Callable[..., tuple[Array, Pullback]]]
    ranges: ClassVar[dict[str, Range]] = {}

    def __post_init__(self) -> None:
        check(self, **self.ranges)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*type(self).op(x, **vars(self)))


@dataclass(frozen=True)
class ReLU(Elementwise):
    """y = max(x, 0), elementwise. Backward: dx = dy where x > 0, otherwise 0."""

    op = staticmethod(ops.relu)


@dataclass(frozen=True)
class ReLU6(Elementwise):
    """y = x, limited to [0, 6], elementwise. Backward: dx = dy where 0 < x < 6, otherwise 0.

    Source: `help(xpcnn.ops.relu6)`.
    """

    op = staticmethod(ops.relu6)


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    """y = x where x > 0, otherwise slope * x, elementwise.

    slope: any finite number.

    Backward: `help(xpcnn.ops.leaky_relu)`.

    Raises:
        ConfigError: `slope` is not a finite number.
    """

    op = staticmethod(ops.leaky_relu)
    ranges = {"slope": FINITE}  # noqa: RUF012 - declared as ClassVar in the base class
    slope: float = 0.01


@dataclass(frozen=True)
class ELU(Elementwise):
    """y = x where x > 0, otherwise alpha (e^x - 1), elementwise.

    alpha: any finite number; y approaches -alpha for x far below 0.

    Backward and source: `help(xpcnn.ops.elu)`.

    Raises:
        ConfigError: `alpha` is not a finite number.
    """

    op = staticmethod(ops.elu)
    ranges = {"alpha": FINITE}  # noqa: RUF012
    alpha: float = 1.0


@dataclass(frozen=True)
class SELU(Elementwise):
    """y = 1.0507 * elu(x, 1.6733), elementwise: mean and variance tend to 0 and 1 over layers.

    Backward and source: `help(xpcnn.ops.selu)`.
    """

    op = staticmethod(ops.selu)


@dataclass(frozen=True)
class GELU(Elementwise):
    """y = x Phi(x), elementwise; Phi is the normal distribution function.

    approximate: "none" for the exact Phi, "tanh" for an approximation by tanh.

    Backward and source: `help(xpcnn.ops.gelu)`.

    Raises:
        ConfigError: `approximate` is another word.
    """

    op = staticmethod(ops.gelu)
    approximate: str = "none"

    def __post_init__(self) -> None:
        check_gelu(self.approximate)


@dataclass(frozen=True)
class SiLU(Elementwise):
    """y = x sigmoid(x), elementwise; also called swish.

    Backward and source: `help(xpcnn.ops.silu)`.
    """

    op = staticmethod(ops.silu)


@dataclass(frozen=True)
class Mish(Elementwise):
    """y = x tanh(softplus(x)), elementwise.

    Backward and source: `help(xpcnn.ops.mish)`.
    """

    op = staticmethod(ops.mish)


@dataclass(frozen=True)
class Softplus(Elementwise):
    """y = log(1 + e^(beta x)) / beta, elementwise; a smooth ReLU.

    beta: above 0; the larger, the closer to ReLU.
    threshold: y = x where beta x is above this number; finite.

    Backward: `help(xpcnn.ops.softplus)`.

    Raises:
        ConfigError: `beta` or `threshold` is out of range.
    """

    op = staticmethod(ops.softplus)
    ranges = {"beta": POSITIVE, "threshold": FINITE}  # noqa: RUF012
    beta: float = 1.0
    threshold: float = 20.0


@dataclass(frozen=True)
class Softsign(Elementwise):
    """y = x / (1 + |x|), elementwise. Backward: dx = dy / (1 + |x|)^2."""

    op = staticmethod(ops.softsign)


@dataclass(frozen=True)
class HardSigmoid(Elementwise):
    """y = slope * x + offset, limited to [0, 1], elementwise.

    slope, offset: any finite numbers; with the defaults, y = x / 6 + 1/2, as in PyTorch.

    Backward: `help(xpcnn.ops.hard_sigmoid)`.

    Raises:
        ConfigError: `slope` or `offset` is not a finite number.
    """

    op = staticmethod(ops.hard_sigmoid)
    ranges = {"slope": FINITE, "offset": FINITE}  # noqa: RUF012
    slope: float = 1 / 6
    offset: float = 0.5


@dataclass(frozen=True)
class HardSwish(Elementwise):
    """y = x hard_sigmoid(x), elementwise.

    Backward and source: `help(xpcnn.ops.hard_swish)`.
    """

    op = staticmethod(ops.hard_swish)


@dataclass(frozen=True)
class HardTanh(Elementwise):
    """y = x, limited to [low, high], elementwise. Backward: dx = dy where low < x < high, else 0.

    low, high: the bounds, finite numbers, low <= high.

    Raises:
        ConfigError: a bound is not finite, or low is above high.
    """

    op = staticmethod(ops.hard_tanh)
    ranges = {"low": FINITE, "high": FINITE}  # noqa: RUF012
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds("HardTanh", self.low, self.high)


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """y = 1 / (1 + e^-x), elementwise. Backward: dx = dy y (1 - y)."""

    op = staticmethod(ops.sigmoid)


@dataclass(frozen=True)
class Tanh(Elementwise):
    """y = tanh x, elementwise. Backward: dx = dy (1 - y^2)."""

    op = staticmethod(ops.tanh)


@dataclass(frozen=True)
class Softmax(Elementwise):
    """Turn scores into probabilities: y_i = e^(x_i) / sum_k e^(x_k).

    A network for the loss SoftmaxCrossEntropy ends without this layer: the loss contains it.

    axis: axis of the batch along which the probabilities add up to 1, -1 for the last.

    Backward: `help(xpcnn.ops.softmax)`.
    """

    op = staticmethod(ops.softmax)
    axis: int = -1


@dataclass(frozen=True)
class LogSoftmax(Elementwise):
    """Return the logarithm of softmax: y_i = x_i - log sum_k e^(x_k).

    axis: axis of the batch along which the sum runs, -1 for the last.

    Backward: `help(xpcnn.ops.log_softmax)`.
    """

    op = staticmethod(ops.log_softmax)
    axis: int = -1
