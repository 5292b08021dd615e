"""The tables of fusions: which layers in a row a `Sequential` runs as one op.

Fusion does not change results; in inference they may differ by rounding. Parameters and their
gradients keep their paths.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from xpcnn import ops
from xpcnn.layers.activation import ReLU, ReLU6
from xpcnn.layers.base import Context, Layer, no_gradient
from xpcnn.layers.branches import Residual
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


def conv_relu_pool(
    conv: Convolution, relu: ReLU | ReLU6, pool: MaxPool2D | None = None
) -> Fused | None:
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
            limit=_limit(relu),
            grad=ctx.grad,
        )
        return y, buffers[0], conv.pullback(back)

    return run


def norm_relu_pool(
    norm: BatchNorm, relu: ReLU | ReLU6, pool: MaxPool2D | None = None
) -> Fused | None:
    """Return a function that runs the layers as `ops.batch_norm_relu`, in training.

    None if the pooling windows overlap, are padded or reach beyond the image. The layers run one by
    one where the norm uses running statistics, or statistics of several processes.
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
            running=norm.running(buffers[0]),
            pool=None if pool is None else pool.size,
            limit=_limit(relu),
            grad=ctx.grad,
        )

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, dgamma, dbeta, *_ = back(dy, (want_dx, True, True))
            return dx, {"gamma": dgamma, "beta": dbeta}

        return y, {"mean": mean, "var": var}, pullback

    return run


def residual_relu(residual: Residual, relu: ReLU) -> Fused:
    """Return a function that runs the sum of the branches and the ReLU as `ops.add_relu`."""

    def run(params: Sequence[Params], buffers: Sequence[Params], x: Array, ctx: Context) -> Result:
        y, shortcut, new_buffers, branches_back = residual.both(params[0], buffers[0], x, ctx)
        y, back = ops.add_relu(y, shortcut)

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dsum, _ = back(dy, (True, False))
            return branches_back(dsum, dsum, want_dx)

        return y, new_buffers, pullback

    return run


def residual_norm_relu(residual: Residual, relu: ReLU) -> Fused:
    """Return a function that runs a norm at the end of the body, the sum of the branches and the
    ReLU as `ops.batch_norm_add_relu`, in training.

    Where the body does not end with a norm, or the norm uses running statistics or statistics of
    several processes, only the sum and the ReLU run as one op.
    """
    sum_and_relu = residual_relu(residual, relu)
    parts = residual.body.before_last() if hasattr(residual.body, "before_last") else None
    if parts is None or type(parts[2]) is not BatchNorm:
        return sum_and_relu
    head, name, norm = parts
    shorter = replace(residual, body=head)

    def run(
        params: Sequence[Params], buffers: Sequence[Params], x: Array, ctx: Context
    ) -> Result | None:
        if not ctx.at("body").at(name).by_batch or ctx.shared is not None:
            return sum_and_relu(params, buffers, x, ctx)
        y, shortcut, new_buffers, branches_back = shorter.both(params[0], buffers[0], x, ctx)
        own, its = params[0]["body"][name], buffers[0]["body"][name]
        (y, mean, var), back = ops.batch_norm_add_relu(
            y, own["gamma"], own["beta"], shortcut, eps=norm.eps, running=norm.running(its)
        )
        new_buffers["body"][name] = {"mean": mean, "var": var}

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dbody, dgamma, dbeta, dshortcut = back(dy)
            dx, grads = branches_back(dbody, dshortcut, want_dx)
            grads["body"][name] = {"gamma": dgamma, "beta": dbeta}
            return dx, grads

        return y, new_buffers, pullback

    return run


def folded(
    conv: Convolution,
    norm: BatchNorm,
    relu: ReLU | ReLU6 | None = None,
    pool: MaxPool2D | None = None,
) -> Fused | None:
    """Return a function that runs the layers in inference, the norm as part of the filters.

    None if the pooling windows overlap, are padded or reach beyond the image. The layers run one by
    one where a filter has more than twice as many weights as there are pixels.
    """
    if not _side_by_side(pool):
        return None

    def run(
        params: Sequence[Params], buffers: Sequence[Params], x: Array, ctx: Context
    ) -> Result | None:
        own, its, moments = params[0], params[1], buffers[1]
        n, _, *pixels = x.shape
        if math.prod(own["weight"].shape[1:]) > 2 * n * math.prod(pixels):
            return None  # longer to scale the filters than what they compute
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
            limit = _limit(relu)
            y, _ = ops.conv_relu_pool(x, w, b, **options, pool=size, limit=limit, grad=False)
        return y, buffers[0], no_gradient

    return run


def _limit(relu: ReLU | ReLU6) -> float | None:
    return 6.0 if type(relu) is ReLU6 else None


def _side_by_side(pool: MaxPool2D | None) -> bool:
    """Whether pooling windows lie side by side within the image; True without a pooling."""
    return pool is None or (
        pool.stride in (None, pool.size) and pool.padding in (0, "valid") and not pool.ceil_mode
    )


CONVOLUTIONS = (Conv2D, DepthwiseConv2D)

_AFTER = ((ReLU, MaxPool2D), (ReLU,), (ReLU6,))
_FOLDED: Table = {
    (kind, BatchNorm, *others): folded for kind in CONVOLUTIONS for others in (*_AFTER, ())
}

ALWAYS: Table = {
    **{(kind, *others): conv_relu_pool for kind in CONVOLUTIONS for others in _AFTER},
    (Residual, ReLU): residual_relu,
}
IN_TRAINING: Table = {
    (BatchNorm, ReLU, MaxPool2D): norm_relu_pool,
    (BatchNorm, ReLU): norm_relu_pool,
    (BatchNorm, ReLU6): norm_relu_pool,
    **ALWAYS,
    (Residual, ReLU): residual_norm_relu,
}
IN_INFERENCE: Table = {**_FOLDED, **ALWAYS}
