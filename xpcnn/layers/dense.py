"""The dense layer, and the layers that only change a shape."""

import math
from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.errors import ShapeError, hint
from xpcnn.initializers import Draw, HeNormal, Initializer, Zeros
from xpcnn.layers.base import Context, without_parameters
from xpcnn.ops.hyperparameter_checks import make_plain
from xpcnn.ops.linear import check_shape, reshaped
from xpcnn.options import COUNT, check
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class Dense:
    """Multiply features by a learnt matrix: (i,) -> (units,).

        y = x weight + bias
        dx = dy weightᵀ    dweight = xᵀ dy    dbias = sum of dy over the batch

    units: number of output features, at least 1.
    bias: whether there is a bias.
    weight_init, bias_init: initializers of the parameters (`xpcnn.initializers`).

    Parameters: weight (i, units), bias (units,).

    Raises:
        ConfigError: a hyperparameter is out of range.
        ShapeError: samples are not vectors (in `init`); put Flatten() before the layer.
    """

    units: int
    _: KW_ONLY
    bias: bool = True
    weight_init: Initializer = HeNormal()
    bias_init: Initializer = Zeros()

    def __post_init__(self) -> None:
        check(self, units=COUNT)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        if len(shape) != 1:
            raise ShapeError(
                hint(
                    f"Dense: samples have shape {shape}, expected (features,)",
                    "a Flatten() layer before the Dense layer",
                )
            )
        params = {"weight": draw("weight", self.weight_init, (shape[0], self.units))}
        if self.bias:
            params["bias"] = draw("bias", self.bias_init, (self.units,))
        return params, {}, (self.units,)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, back = ops.dense(x, params["weight"], params.get("bias"))

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, dw, db = back(dy, (want_dx, True, self.bias))
            return dx, {"weight": dw, "bias": db} if self.bias else {"weight": dw}

        return y, {}, pullback

    def multiply_adds(self, shape: Shape, out: Shape) -> int:
        """Return the multiply-adds of one sample."""
        return shape[0] * self.units


@dataclass(frozen=True)
class Flatten:
    """Flatten each sample to one row: (c, h, w) -> (c*h*w,), row-major (channels slowest)."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, (math.prod(shape),)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*ops.flatten(x))


@dataclass(frozen=True)
class Reshape:
    """Give each sample another shape with the same number of elements.

    shape: shape of one sample of the output, such as (1, 28, 28); one entry may be -1, which is
        computed from the others.

    Raises:
        ConfigError: `shape` is not a shape.
        ShapeError: samples have another number of elements (in `init`).
    """

    shape: Shape

    def __post_init__(self) -> None:
        make_plain(self, "shape")
        check_shape("Reshape", self.shape)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, reshaped("Reshape", shape, self.shape)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*ops.reshape(x, shape=self.shape))
