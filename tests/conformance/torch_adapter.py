"""PyTorch's operators in terms of xpcnn's: one function each, with PyTorch's argument names.

Each takes NumPy arrays for tensors and returns y and a function from dy to the
gradients by argument name. What xpcnn does not offer raises Unsupported.
"""

import inspect
from collections.abc import Callable
from typing import Any

from tests.conformance.case_results import Unsupported
from tests.conformance.torch_images import (
    Gradients,
    Result,
    adaptive,
    avg_pool2d,
    conv2d,
    conv_transpose2d,
    interpolate,
    max_pool2d,
    named,
    need_rank,
)
from xpcnn import ops
from xpcnn.layers import Context, Dropout
from xpcnn.types import Array


def bind(operator: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call by the names of the operator's adapter."""
    return dict(inspect.signature(ADAPTERS[operator]).bind(*args, **kwargs).arguments)


def elementwise(op: Callable[..., Any], **options: float) -> Callable[..., Result]:
    """Return the adapter of an activation that the samples call with its defaults."""
    return lambda input: named(op(input, **options), "input")


def need_mean(reduction: str) -> None:
    if reduction != "mean":
        raise Unsupported(f"reduction {reduction}")


def layer_norm(
    input: Array,
    normalized_shape: Any,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Result:
    axes = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    if axes[0] == 0:
        raise Unsupported("no batch axis")
    need_positive(eps)
    result = ops.layer_norm(input, weight, bias, axes=axes, eps=eps)
    return named(result, "input", "weight", "bias")


def group_norm(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Result:
    need_positive(eps)
    if input.size == 0:
        raise Unsupported("an empty array")
    result = ops.group_norm(input, weight, bias, groups=num_groups, eps=eps)
    return named(result, "input", "weight", "bias")


def instance_norm(
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Result:
    if not use_input_stats:
        raise Unsupported("running statistics")
    return group_norm(input, input.shape[1], weight, bias, eps)


def need_positive(eps: float) -> None:
    if eps <= 0:
        raise Unsupported("eps that is not above 0")


def batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Result:
    need_rank(input, 2, 4)
    if training:
        (y, _, _), pullback = ops.batch_norm(input, weight, bias, eps=eps)
        return named((y, pullback), "input", "weight", "bias")
    result = ops.batch_norm_inference(input, weight, bias, running_mean, running_var, eps=eps)
    return named(result, "input", "weight", "bias", "running_mean", "running_var")


def linear(input: Array, weight: Array, bias: Array | None = None) -> Result:
    """PyTorch keeps weights as (out, in)."""
    need_rank(input, 2)
    y, gradients = named(ops.dense(input, weight.T, bias), "input", "weight", "bias")

    def transposed(dy: Array) -> Gradients:
        found = gradients(dy)
        return found | {"weight": found["weight"].T}

    return y, transposed


def softmax(input: Array, dim: int) -> Result:
    need_scores(input)
    return named(ops.softmax(input, axis=dim), "input")


def log_softmax(input: Array, dim: int) -> Result:
    need_scores(input)
    return named(ops.log_softmax(input, axis=dim), "input")


def need_scores(input: Array) -> None:
    if input.ndim == 0 or input.size == 0:
        raise Unsupported("no scores" if input.ndim else "0-D input")


def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Result:
    need_rank(input, 2)
    need_mean(reduction)
    result = ops.softmax_cross_entropy(
        input, target, weight, label_smoothing=label_smoothing, ignore_index=ignore_index
    )
    return named(result, "input", "target", "weight")


def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Result:
    need_mean(reduction)
    result = ops.bce_with_logits(input, target, weight, pos_weight)
    return named(result, "input", "target", "weight", "pos_weight")


def mse_loss(input: Array, target: Array, reduction: str = "mean") -> Result:
    need_mean(reduction)
    return named(ops.mse(input, target), "input", "target")


def l1_loss(
    input: Array, target: Array, reduction: str = "mean", weight: Array | None = None
) -> Result:
    need_mean(reduction)
    return named(ops.l1(input, target, weight), "input", "target", "weight")


def huber_loss(
    input: Array,
    target: Array,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Array | None = None,
) -> Result:
    need_mean(reduction)
    return named(ops.huber(input, target, weight, delta=delta), "input", "target", "weight")


def prelu(input: Array, weight: Array) -> Result:
    if input.ndim < 2:
        raise Unsupported(f"{input.ndim}-D input")
    y, gradients = named(ops.prelu(input, weight.reshape(-1)), "input", "weight")

    def reshaped(dy: Array) -> Gradients:
        found = gradients(dy)
        return found | {"weight": found["weight"].reshape(weight.shape)}

    return y, reshaped


def softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Result:
    return named(ops.softplus(input, beta=beta, threshold=threshold), "input")


def gelu(input: Array, approximate: str = "none") -> Result:
    return named(ops.gelu(input, approximate=approximate), "input")


def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Result:
    return named(ops.hard_tanh(input, low=min_val, high=max_val), "input")


def mul(input: Array, other: Array) -> Result:
    """The operand with more axes or elements is x; the other is broadcast to it."""
    swapped = (other.ndim, other.size) > (input.ndim, input.size)
    x, gate = (other, input) if swapped else (input, other)
    shape = (*(1,) * (x.ndim - gate.ndim), *gate.shape)
    if any(k not in (1, n) for n, k in zip(x.shape, shape, strict=True)):
        raise Unsupported("operands that are both broadcast")
    y, gradients = named(ops.multiply(x, gate.reshape(shape)), "x", "gate")
    ours = ("gate", "x") if swapped else ("x", "gate")

    def reshaped(dy: Array) -> Gradients:
        found = gradients(dy)
        return {
            "input": found[ours[0]].reshape(input.shape),
            "other": found[ours[1]].reshape(other.shape),
        }

    return y, reshaped


def dropout(input: Array, p: float = 0.5, training: bool = True) -> Result:
    """The layer, since the op is only what it does in training."""
    if p == 1.0:
        raise Unsupported("rate 1")
    if training and p != 0:
        raise Unsupported("another random generator")
    y, _, pullback = Dropout(p).forward({}, {}, input, Context(training=training, grad=True))
    return named((y, lambda dy: pullback(dy)[:1]), "input")


def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Result:
    if start_dim != 1 or end_dim != -1:
        raise Unsupported("the batch axis flattened too")
    return named(ops.flatten(input), "input")


ADAPTERS: dict[str, Callable[..., Result]] = {
    "nn.functional.conv2d": conv2d,
    "nn.functional.conv_transpose2d": conv_transpose2d,
    "nn.functional.interpolate nearest": interpolate,
    "nn.functional.interpolate bilinear": interpolate,
    "nn.functional.layer_norm": layer_norm,
    "nn.functional.group_norm": group_norm,
    "nn.functional.instance_norm": instance_norm,
    "nn.functional.max_pool2d": max_pool2d,
    "nn.functional.avg_pool2d": avg_pool2d,
    "nn.functional.adaptive_avg_pool2d": adaptive(ops.adaptive_avg_pool2d),
    "nn.functional.adaptive_max_pool2d": adaptive(ops.adaptive_max_pool2d),
    "nn.functional.batch_norm": batch_norm,
    "nn.functional.linear": linear,
    "nn.functional.dropout": dropout,
    "flatten": flatten,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "nn.functional.cross_entropy": cross_entropy,
    "nn.functional.binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "nn.functional.mse_loss": mse_loss,
    "nn.functional.l1_loss": l1_loss,
    "nn.functional.huber_loss": huber_loss,
    "nn.functional.relu": elementwise(ops.relu),
    "nn.functional.leaky_relu": elementwise(ops.leaky_relu),
    "nn.functional.elu": elementwise(ops.elu),
    "nn.functional.selu": elementwise(ops.selu),
    "nn.functional.prelu": prelu,
    "nn.functional.gelu": gelu,
    "nn.functional.silu": elementwise(ops.silu),
    "nn.functional.mish": elementwise(ops.mish),
    "nn.functional.softplus": softplus,
    "nn.functional.softsign": elementwise(ops.softsign),
    "nn.functional.hardsigmoid": elementwise(ops.hard_sigmoid),
    "nn.functional.hardswish": elementwise(ops.hard_swish),
    "nn.functional.hardtanh": hardtanh,
    "nn.functional.relu6": elementwise(ops.relu6),
    "mul": mul,
    "sigmoid": elementwise(ops.sigmoid),
    "tanh": elementwise(ops.tanh),
}
