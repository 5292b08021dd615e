"""The activation layer of the user's own functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, check_importable, without_parameters
from xpcnn.ops.reference.activation import elementwise
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class Activation:
    """Apply a function of your own elementwise: y = f(x), dx = dy * df(x).

        Activation(lambda x: x * x, lambda x: 2 * x)

    A model with this layer cannot be saved, because files contain no code. To save it, write a
    layer and pass its class to `xpcnn.load`.

    f: function of an array x that returns an array of the same shape and dtype, computed by the
        functions of the library of x (`xpcnn.types.namespace(x)`).
    df: the derivative of `f`, a function of the same kind.
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
