"""ONNX operators in terms of xpcnn's: one function per operator, named inputs and attributes.

`run(operator, inputs, attributes)` returns the outputs in ONNX's order. What xpcnn does not offer
raises Unsupported. Softmax before opset 13 flattened everything from `axis` on; every stored case
has the last axis there, where both meanings agree.
"""

from collections.abc import Callable
from typing import Any

import numpy

from tests.conformance.case_results import Unsupported
from tests.conformance.onnx_images import (
    conv,
    conv_transpose,
    global_pool,
    pool,
    resize,
    upsample,
)
from xpcnn import ops
from xpcnn.layers import Context, Dropout
from xpcnn.types import Array


def run(operator: str, inputs: list[Array | None], attributes: dict[str, Any]) -> tuple[Array, ...]:
    """Compute the outputs of one node."""
    outputs = ADAPTERS[operator](*inputs, **attributes)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def layer_normalization(
    x: Array,
    scale: Array,
    bias: Array | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> tuple[Array, ...]:
    """Mean and deviation, which the op does not return, are computed here."""
    axes = tuple(range(axis % x.ndim, x.ndim))
    if axes[0] == 0:
        raise Unsupported("the batch axis normalised too")
    y, _ = ops.layer_norm(x, scale, bias, axes=axes, eps=epsilon)
    deviation = numpy.sqrt(x.var(axis=axes, keepdims=True) + numpy.float32(epsilon))
    return y, x.mean(axis=axes, keepdims=True), 1 / deviation


def group_normalization(
    x: Array, scale: Array, bias: Array, *, num_groups: int, epsilon: float = 1e-5
) -> Array:
    return ops.group_norm(x, scale, bias, groups=num_groups, eps=epsilon)[0]


def instance_normalization(x: Array, scale: Array, bias: Array, *, epsilon: float = 1e-5) -> Array:
    return ops.group_norm(x, scale, bias, groups=x.shape[1], eps=epsilon)[0]


def batch_normalization(
    x: Array,
    scale: Array,
    bias: Array,
    mean: Array,
    var: Array,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    is_test: int = 1,  # of opset 6
) -> tuple[Array, ...]:
    # statistics are per channel, so further axes may be folded into one
    images = x if x.ndim in (2, 4) else x.reshape(*x.shape[:2], -1, 1)
    if training_mode:
        (y, batch_mean, batch_var), _ = ops.batch_norm(images, scale, bias, eps=epsilon)
        # ONNX weighs the old value by `momentum`, and keeps the biased variance
        running_mean = mean * momentum + batch_mean * (1 - momentum)
        running_var = var * momentum + batch_var * (1 - momentum)
        return y.reshape(x.shape), running_mean, running_var
    y, _ = ops.batch_norm_inference(images, scale, bias, mean, var, eps=epsilon)
    return (y.reshape(x.shape),)


def gemm(
    a: Array,
    b: Array,
    c: Array | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 1,  # of opset 6
) -> Array:
    """alpha * A B + beta * C; a row C is the bias of dense, any other C is added to it."""
    a = alpha * (a.T if transA else a)
    b = b.T if transB else b
    if c is not None and c.size == b.shape[1]:
        return ops.dense(a, b, beta * c.reshape(-1))[0]
    y, _ = ops.dense(a, b)
    return y if c is None else y + beta * c


def matmul(a: Array, b: Array) -> Array:
    """One dense product per pair of matrices."""
    rows = a if a.ndim > 1 else a[None, :]
    columns = b if b.ndim > 1 else b[:, None]
    batch = numpy.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    left = numpy.broadcast_to(rows, (*batch, *rows.shape[-2:])).reshape(-1, *rows.shape[-2:])
    right = numpy.broadcast_to(columns, (*batch, *columns.shape[-2:]))
    right = right.reshape(-1, *columns.shape[-2:])
    products = [ops.dense(p, q)[0] for p, q in zip(left, right, strict=True)]
    y = numpy.stack(products).reshape(*batch, *products[0].shape)
    dropped = ([-2] if a.ndim == 1 else []) + ([-1] if b.ndim == 1 else [])
    return y.squeeze(tuple(dropped))


def flatten(x: Array, *, axis: int = 1) -> Array:
    """Rows of everything before `axis`; xpcnn's flatten has axis 1."""
    axis %= x.ndim
    if axis == 1:
        return ops.flatten(x)[0]
    rows = x.reshape(-1, *x.shape[axis:]) if axis else x[None]
    return ops.flatten(rows)[0]


def clip(x: Array, low: Any = None, high: Any = None, **old: float) -> Array:
    """Bounds are arrays, left out or absent; before opset 11 they were attributes."""
    if x.dtype.kind != "f":
        raise Unsupported("whole numbers")
    low = old.get("min", -numpy.inf) if low is None else float(low)
    high = old.get("max", numpy.inf) if high is None else float(high)
    if low > high:
        raise Unsupported("bounds in the wrong order")
    return ops.hard_tanh(x, low=low, high=high)[0]


def mul(a: Array, b: Array, **old: int) -> Array:
    """The operand with fewer elements is the gate; 1-D, it may lie along an `axis` in opset 6."""
    x, gate = (a, b) if a.size >= b.size else (b, a)
    if x.dtype.kind != "f":
        raise Unsupported("whole numbers")
    shape = (*(1,) * (x.ndim - gate.ndim), *gate.shape)
    if old.get("axis", -1) >= 0:
        shape = (*(1,) * old["axis"], *gate.shape, *(1,) * (x.ndim - old["axis"] - gate.ndim))
    return ops.multiply(x, gate.reshape(shape))[0]


def dropout(
    x: Array,
    ratio: Array | None = None,
    training_mode: Array | None = None,
    *,
    seed: int = 0,
    **old: float,  # `ratio` before opset 12
) -> tuple[Array, Array]:
    """The layer, since the op is only what it does in training; the mask is what it lets pass."""
    rate = old.get("ratio", 0.5) if ratio is None else float(ratio)
    training = training_mode is not None and bool(training_mode)
    if training and rate != 0:
        raise Unsupported("another random generator")
    layer, ctx = Dropout(rate), Context(training=training)
    y, _, _ = layer.forward({}, {}, x, ctx)
    kept, _, _ = layer.forward({}, {}, numpy.ones_like(x), ctx)
    return y, kept != 0


def softmax_cross_entropy_loss(
    scores: Array,
    labels: Array,
    weights: Array | None = None,
    *,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> tuple[Array, Array]:
    if reduction != "mean":
        raise Unsupported(f"reduction {reduction}")
    if scores.ndim != 2:
        raise Unsupported(f"{scores.ndim}-D scores")
    loss, _ = ops.softmax_cross_entropy(scores, labels, weights, ignore_index=ignore_index)
    return loss, ops.log_softmax(scores, axis=1)[0]


def prelu(x: Array, slope: Array) -> Array:
    if slope.size == 1:
        return ops.prelu(x, slope.reshape(1))[0]
    # before opset 7 a vector had one slope per channel; since, it goes along the last axis
    per_channel = slope.shape == (x.shape[1],) and x.shape[-1] != x.shape[1]
    if per_channel or slope.shape == (x.shape[1], *(1,) * (x.ndim - 2)):
        return ops.prelu(x, slope.reshape(-1))[0]
    raise Unsupported(f"a slope of shape {slope.shape} for x of shape {x.shape}")


ADAPTERS: dict[str, Callable[..., Any]] = {
    "Conv": conv,
    "MaxPool": pool(ops.max_pool2d),
    "AveragePool": pool(ops.avg_pool2d),
    "GlobalAveragePool": global_pool(ops.global_avg_pool2d),
    "GlobalMaxPool": global_pool(ops.global_max_pool2d),
    "BatchNormalization": batch_normalization,
    "Softmax": lambda x, axis=-1: ops.softmax(x, axis=axis)[0],
    "LogSoftmax": lambda x, axis=-1: ops.log_softmax(x, axis=axis)[0],
    "Gemm": gemm,
    "MatMul": matmul,
    "Flatten": flatten,
    "Relu": lambda x: ops.relu(x)[0],
    "LeakyRelu": lambda x, alpha=0.01: ops.leaky_relu(x, slope=alpha)[0],
    "Sigmoid": lambda x: ops.sigmoid(x)[0],
    "Tanh": lambda x: ops.tanh(x)[0],
    "Dropout": dropout,
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy_loss,
    "Elu": lambda x, alpha=1.0: ops.elu(x, alpha=alpha)[0],
    "Selu": lambda x, alpha=1.6732631921768188, gamma=1.0507010221481323: ops.selu(
        x, alpha=alpha, scale=gamma
    )[0],
    "Softplus": lambda x: ops.softplus(x)[0],
    "Softsign": lambda x: ops.softsign(x)[0],
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: ops.hard_sigmoid(x, slope=alpha, offset=beta)[0],
    "HardSwish": lambda x: ops.hard_swish(x)[0],
    "Gelu": lambda x, approximate="none": ops.gelu(x, approximate=approximate)[0],
    "Mish": lambda x: ops.mish(x)[0],
    "PRelu": prelu,
    "ConvTranspose": conv_transpose,
    "Resize": resize,
    "Upsample": upsample,
    "LayerNormalization": layer_normalization,
    "GroupNormalization": group_normalization,
    "InstanceNormalization": instance_normalization,
    "Clip": clip,
    "Mul": mul,
}
