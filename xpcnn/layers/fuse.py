"""The one table of fusions: which layers in a row a `Sequential` runs as one op.

Only where the result is the same. Parameters and their gradients keep their paths.
"""

from collections.abc import Callable, Sequence

from xpcnn import ops
from xpcnn.layers.activation import ReLU
from xpcnn.layers.base import Context, Layer, LayerPullback
from xpcnn.layers.conv import Conv2D
from xpcnn.layers.pool import MaxPool2D
from xpcnn.types import Array, Params

Fused = Callable[[Params, Array, Context], tuple[Array, LayerPullback]]
"""(parameters of the first layer, x, ctx) -> (y, pullback), which gives the gradients of those."""


def fusion(layers: Sequence[Layer]) -> tuple[int, Fused] | None:
    """Return how many of the first layers run as one op, and what runs them; None for none."""
    for kinds, fuse in TABLE.items():
        head = tuple(layers[: len(kinds)])
        if tuple(map(type, head)) == kinds:
            run = fuse(*head)
            if run is not None:
                return len(kinds), run
    return None


def conv_relu_pool(conv: Conv2D, relu: ReLU, pool: MaxPool2D | None = None) -> Fused | None:
    """Return what runs the layers as `ops.conv_relu_pool`; None if windows overlap or overhang."""
    if pool is not None and (
        pool.stride not in (None, pool.size) or pool.padding not in (0, "valid") or pool.ceil_mode
    ):
        return None

    def run(params: Params, x: Array, ctx: Context) -> tuple[Array, LayerPullback]:
        y, back = ops.conv_relu_pool(
            x,
            params["weight"],
            params.get("bias"),
            **conv.windows(),
            pool=None if pool is None else pool.size,
            grad=ctx.grad,
        )
        return y, conv.pullback(back)

    return run


TABLE: dict[tuple[type, ...], Callable[..., Fused | None]] = {
    (Conv2D, ReLU, MaxPool2D): conv_relu_pool,
    (Conv2D, ReLU): conv_relu_pool,
}
