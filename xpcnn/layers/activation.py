"""Activation layers: elementwise, any shape. Formulas: `ops/reference/activation.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from xpcnn import ops
from xpcnn.initializers import Constant, Draw, Initializer
from xpcnn.layers.base import Context, LayerPullback, check_importable, without_parameters
from xpcnn.ops.activation import check_gelu
from xpcnn.ops.reference.activation import elementwise
from xpcnn.options import FINITE, POSITIVE, Range, check
from xpcnn.types import Array, Params, Pullback, Shape


@dataclass(frozen=True)
class Elementwise:
    """A layer that applies one op without parameters; its fields are the op's hyperparameters."""

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
    op = staticmethod(ops.relu)


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    op = staticmethod(ops.leaky_relu)
    ranges = {"slope": FINITE}  # noqa: RUF012 - as the base class has it
    slope: float = 0.01


@dataclass(frozen=True)
class ELU(Elementwise):
    op = staticmethod(ops.elu)
    ranges = {"alpha": FINITE}  # noqa: RUF012
    alpha: float = 1.0


@dataclass(frozen=True)
class SELU(Elementwise):
    op = staticmethod(ops.selu)


@dataclass(frozen=True)
class GELU(Elementwise):
    op = staticmethod(ops.gelu)
    approximate: str = "none"

    def __post_init__(self) -> None:
        check_gelu(self.approximate)


@dataclass(frozen=True)
class SiLU(Elementwise):
    op = staticmethod(ops.silu)


@dataclass(frozen=True)
class Mish(Elementwise):
    op = staticmethod(ops.mish)


@dataclass(frozen=True)
class Softplus(Elementwise):
    op = staticmethod(ops.softplus)
    ranges = {"beta": POSITIVE, "threshold": FINITE}  # noqa: RUF012
    beta: float = 1.0
    threshold: float = 20.0


@dataclass(frozen=True)
class Softsign(Elementwise):
    op = staticmethod(ops.softsign)


@dataclass(frozen=True)
class HardSigmoid(Elementwise):
    op = staticmethod(ops.hard_sigmoid)


@dataclass(frozen=True)
class HardSwish(Elementwise):
    op = staticmethod(ops.hard_swish)


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    op = staticmethod(ops.sigmoid)


@dataclass(frozen=True)
class Tanh(Elementwise):
    op = staticmethod(ops.tanh)


@dataclass(frozen=True)
class Softmax(Elementwise):
    """Not before the softmax cross-entropy loss, which contains it."""

    op = staticmethod(ops.softmax)
    axis: int = -1


@dataclass(frozen=True)
class LogSoftmax(Elementwise):
    op = staticmethod(ops.log_softmax)
    axis: int = -1


@dataclass(frozen=True)
class PReLU:
    """Leaky ReLU with one learnt slope per channel. Parameter: slope (c,)."""

    slope_init: Initializer = Constant(0.25)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {"slope": draw("slope", self.slope_init, shape[:1])}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, back = ops.prelu(x, params["slope"])

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, dslope = back(dy, (want_dx, True))
            return dx, {"slope": dslope}

        return y, {}, pullback


@dataclass(frozen=True)
class Activation:
    """An activation of your own, given as a function and its derivative, both of x.

    f and df take an array and return one, with the functions of its library
    (`xpcnn.types.namespace(x)`): `Activation(lambda x: x * x, lambda x: 2 * x)`. A model that holds
    one cannot be saved: a file holds no code. For that, write a layer and give it to `xpcnn.load`.
    """

    f: Callable[[Array], Array]
    df: Callable[[Array], Array]

    def __copy__(self) -> "Activation":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Activation":
        return self

    def __getstate__(self) -> dict[str, Any]:  # for pickle
        for name, function in vars(self).items():
            check_importable(function, f"Activation: {name}")
        return vars(self)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, shape

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        def derivative(x: Array, y: Array, **_: Any) -> Array:
            return self.df(x)

        return without_parameters(*elementwise(self.f, derivative)(x))
