"""The tables of fusions: which layers in a row a `Sequential` runs as one op.

Fusion does not change results; in inference they may differ by rounding. Parameters and their
gradients keep their paths.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod

from xpcnn import ops
from xpcnn.layers.activation import ReLU
from xpcnn.layers.base import Context, Layer, no_gradient
from xpcnn.layers.conv import Conv2D, Convolution, DepthwiseConv2D
from xpcnn.layers.norm import BatchNorm
from xpcnn.layers.pool import MaxPool2D
from xpcnn.types import Array, LayerPullback, Params

Result = tuple[Array, Params, LayerPullback]
Fused = Callable[[Sequence[Params], Sequence[Params], Array, Context], Result | None]
"""(params and buffers of each layer, x, ctx) -> y, buffers of the first and a pullback with its
gradients; None where the layers have to run one by one. The other layers' buffers stay."""

Table = Mapping[tuple[type, ...], Callable[..., Fused | None]]


def fusion(layers: Sequence[Layer], table: Table) -> tuple[int, Fused] | None:
    """Return how many of the first layers run as one op, and that op; None if no fusion applies."""
    for kinds, fuse in table.items():
        head = tuple(layers[: len(kinds)])
        if tuple(map(type, head)) == kinds:
            run = fuse(*head)
            if run is not None:
                return len(kinds), run
    return None


def conv_relu_pool(conv: Convolution, relu: ReLU, pool: MaxPool2D | None = None) -> Fused | None:
    """Return a function that runs the layers as `ops.conv_relu_pool`.

    None if the pooling windows overlap, are padded or reach beyond the image.
    """
    if not _side_by_side(pool):
        return None

    def run(params: Sequence[Params], buffers: Sequence[Params], x: Array, ctx: Context) -> Result:
        y, back = ops.conv_relu_pool(
            x,
            params[0]["weight"],
            params[0].get("bias"),
            **conv.op_options(params[0]["weight"]),
            pool=None if pool is None else pool.size,
            grad=ctx.grad,
        )
        return y, buffers[0], conv.pullback(back)

    return run


def norm_relu_pool(norm: BatchNorm, relu: ReLU, pool: MaxPool2D | None = None) -> Fused | None:
    """Return a function that runs the layers as `ops.batch_norm_relu`, in training.

    None if the pooling windows overlap, are padded or reach beyond the image. The layers run one by
    one where the norm takes running statistics, or those of several processes.
    """
    if not _side_by_side(pool):
        return None

    def run(
        params: Sequence[Params], buffers: Sequence[Params], x: Array, ctx: Context
    ) -> Result | None:
        if not ctx.by_batch or ctx.shared is not None or (pool is not None and x.ndim != 4):
            return None
        (y, mean, var), back = ops.batch_norm_relu(
            x,
            params[0]["gamma"],
            params[0]["beta"],
            eps=norm.eps,
            pool=None if pool is None else pool.size,
            grad=ctx.grad,
        )

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, dgamma, dbeta, *_ = back(dy, (want_dx, True, True))
            return dx, {"gamma": dgamma, "beta": dbeta}

        return y, norm.moved(buffers[0], mean, var, x.shape[0] * prod(x.shape[2:])), pullback

    return run


def folded(
    conv: Convolution, norm: BatchNorm, relu: ReLU | None = None, pool: MaxPool2D | None = None
) -> Fused | None:
    """Return a function that runs the layers in inference, the norm as part of the filters.

    None if the pooling windows overlap, are padded or reach beyond the image.
    """
    if not _side_by_side(pool):
        return None

    def run(params: Sequence[Params], buffers: Sequence[Params], x: Array, ctx: Context) -> Result:
        own, its, moments = params[0], params[1], buffers[1]
        w, b = ops.fold_batch_norm(
            own["weight"],
            own.get("bias"),
            its["gamma"],
            its["beta"],
            moments["mean"],
            moments["var"],
            eps=norm.eps,
        )
        options = conv.op_options(w)
        if relu is None:
            y, _ = ops.conv2d(x, w, b, **options)
        else:
            size = None if pool is None else pool.size
            y, _ = ops.conv_relu_pool(x, w, b, **options, pool=size, grad=False)
        return y, buffers[0], no_gradient

    return run


def _side_by_side(pool: MaxPool2D | None) -> bool:
    """Whether pooling windows lie side by side within the image; True without a pooling."""
    return pool is None or (
        pool.stride in (None, pool.size) and pool.padding in (0, "valid") and not pool.ceil_mode
    )


CONVOLUTIONS = (Conv2D, DepthwiseConv2D)

_AFTER = ((ReLU, MaxPool2D), (ReLU,))
_FOLDED: Table = {
    (kind, BatchNorm, *others): folded for kind in CONVOLUTIONS for others in (*_AFTER, ())
}

ALWAYS: Table = {(kind, *others): conv_relu_pool for kind in CONVOLUTIONS for others in _AFTER}
IN_TRAINING: Table = {
    (BatchNorm, ReLU, MaxPool2D): norm_relu_pool,
    (BatchNorm, ReLU): norm_relu_pool,
    **ALWAYS,
}
IN_INFERENCE: Table = {**_FOLDED, **ALWAYS}
