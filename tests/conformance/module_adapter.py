"""PyTorch's modules in terms of xpcnn's layers and losses: `twin(module, inputs)`.

A twin has a layer, and tells under which names (and whether transposed) the layer keeps what the
module keeps. What xpcnn does not offer raises Unsupported.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy

from tests.conformance.verdict import Unsupported
from xpcnn import layers, losses, ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer, without_parameters
from xpcnn.types import Array, LayerPullback, Params, Shape, namespace


@dataclass(frozen=True)
class Twin:
    """`layer` and, by the module's names, the layer's: `{"running_mean": "mean", ...}`.

    `transposed` names the parameters that PyTorch keeps as (out, in). `batch_statistics` says that
    the module uses the statistics of the batch even outside training.
    """

    layer: Layer
    names: dict[str, str] = field(default_factory=dict)
    transposed: frozenset[str] = frozenset()
    batch_statistics: bool = False

    def ours(self, tensors: Iterable[tuple[str, Any]]) -> dict[str, numpy.ndarray]:
        """Return copies of what the layer has too, under its names and in its layout."""
        return {
            self.names[name]: (t.T if name in self.transposed else t).detach().numpy().copy()
            for name, t in tensors
            if name in self.names
        }


@dataclass(frozen=True)
class Function:
    """An op, or a loss with its labels, in the form of a layer without parameters."""

    op: Callable[[Array], tuple[Array, Any]]
    out: Shape

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, self.out

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*self.op(x))


@dataclass(frozen=True)
class SharedSlope(layers.PReLU):
    """PyTorch's default: one slope for all channels."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {"slope": draw("slope", self.slope_init, (1,))}, {}, shape


def twin(module: Any, *inputs: numpy.ndarray) -> Twin:
    """Return the twin of a PyTorch module for inputs of those shapes (and these labels)."""
    return TWINS[type(module).__name__](module, *inputs)


def need_rank(x: numpy.ndarray, *ranks: int) -> None:
    if x.ndim not in ranks:
        raise Unsupported(f"{x.ndim}-D input")


def conv2d(module: Any, x: numpy.ndarray) -> Twin:
    need_rank(x, 4)
    layer = layers.Conv2D(
        module.out_channels,
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
        bias=module.bias is not None,
    )
    return Twin(layer, parameters(module))


def conv_transpose2d(module: Any, x: numpy.ndarray) -> Twin:
    need_rank(x, 4)
    layer = layers.ConvTranspose2D(
        module.out_channels,
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        output_padding=module.output_padding,
        dilation=module.dilation,
        groups=module.groups,
        bias=module.bias is not None,
    )
    return Twin(layer, parameters(module))


def layer_norm(module: Any, x: numpy.ndarray) -> Twin:
    if x.size == 0:
        raise Unsupported("an empty batch")
    axes = tuple(range(x.ndim - len(module.normalized_shape), x.ndim))
    return Twin(layers.LayerNorm(axes, eps=module.eps), scale_and_shift(module))


def group_norm(module: Any, x: numpy.ndarray) -> Twin:
    return Twin(layers.GroupNorm(module.num_groups, eps=module.eps), scale_and_shift(module))


def instance_norm(module: Any, x: numpy.ndarray) -> Twin:
    need_rank(x, 4)
    if module.track_running_stats:
        raise Unsupported("running statistics")
    return Twin(layers.GroupNorm(x.shape[1], eps=module.eps), scale_and_shift(module))


def scale_and_shift(module: Any) -> dict[str, str]:
    pairs = {"weight": "gamma", "bias": "beta"}
    return {
        theirs: ours for theirs, ours in pairs.items() if getattr(module, theirs, None) is not None
    }


def linear(module: Any, input: numpy.ndarray) -> Twin:
    need_rank(input, 2)
    layer = layers.Dense(module.out_features, bias=module.bias is not None)
    return Twin(layer, parameters(module), frozenset({"weight"}))


def parameters(module: Any) -> dict[str, str]:
    return {name: name for name in ("weight", "bias") if getattr(module, name) is not None}


def max_pool2d(module: Any, x: numpy.ndarray) -> Twin:
    need_rank(x, 4)
    if module.return_indices:
        raise Unsupported("indices as a second output")
    if module.dilation != 1:
        raise Unsupported("dilation")
    return Twin(
        layers.MaxPool2D(
            module.kernel_size,
            stride=module.stride,
            padding=module.padding,
            ceil_mode=module.ceil_mode,
        )
    )


def avg_pool2d(module: Any, x: numpy.ndarray) -> Twin:
    need_rank(x, 4)
    layer = layers.AvgPool2D(
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        ceil_mode=module.ceil_mode,
        count_include_pad=module.count_include_pad,
    )
    if module.divisor_override is None:
        return Twin(layer)
    _, _, out = layer.init(x.shape[1:], Draw(0))
    options = {**vars(layer), "divisor": module.divisor_override}  # which the layer does not offer
    return Twin(Function(lambda y: ops.avg_pool2d(y, **options), out))


def adaptive(kind: Callable[[tuple[int, int]], Layer], over_all: Layer) -> Callable[..., Twin]:
    """Return the twin of adaptive pooling, of `kind`; `over_all` pools to one pixel.

    None stands for the size of the input.
    """

    def make(module: Any, x: numpy.ndarray) -> Twin:
        need_rank(x, 4)
        wanted = module.output_size
        if wanted == 1:
            return global_pool(over_all, x)
        wanted = (wanted, wanted) if isinstance(wanted, int) else wanted
        rows, columns = (n if k is None else k for n, k in zip(x.shape[2:], wanted, strict=True))
        return Twin(kind((rows, columns)))

    return make


def global_pool(layer: Layer, x: numpy.ndarray) -> Twin:
    """Return the twin of adaptive pooling to one pixel, which keeps the two spatial axes."""

    def op(x: Array) -> tuple[Array, Any]:
        y, _, back = layer.forward({}, {}, x, Context())
        return y[:, :, None, None], lambda dy: (back(dy[:, :, 0, 0])[0],)

    return Twin(Function(op, (x.shape[1], 1, 1)))


def batch_norm(module: Any, x: numpy.ndarray) -> Twin:
    need_rank(x, 2, 4)
    if x.size == 0:
        raise Unsupported("an empty batch")
    if module.momentum is None:
        raise Unsupported("cumulative averages (momentum None)")
    pairs = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
    names = {theirs: ours for theirs, ours in pairs.items() if getattr(module, theirs) is not None}
    layer = layers.BatchNorm(momentum=module.momentum, eps=module.eps)
    return Twin(layer, names, batch_statistics=module.running_mean is None)


def prelu(module: Any, x: numpy.ndarray) -> Twin:
    if x.ndim < 2:
        raise Unsupported(f"{x.ndim}-D input")
    layer = SharedSlope() if module.num_parameters == 1 else layers.PReLU()
    return Twin(layer, {"weight": "slope"})


def softmax(make: Callable[..., Layer], axis: int | None = None) -> Callable[..., Twin]:
    """Return the twin of a softmax along the module's `dim`, or along `axis`."""

    def twin(module: Any, x: numpy.ndarray) -> Twin:
        if x.ndim == 0:
            raise Unsupported("0-D input")
        return Twin(make(module.dim if axis is None else axis))

    return twin


def cross_entropy(module: Any, scores: numpy.ndarray, labels: numpy.ndarray) -> Twin:
    need_rank(scores, 2)
    need_mean(module)
    weights = None if module.weight is None else tuple(module.weight.tolist())
    if weights is not None and min(weights) <= 0:  # the loss refuses them, the op does not

        def op(scores: Array) -> tuple[Array, Any]:
            given = namespace(scores).asarray(weights, dtype=scores.dtype)
            options = {"label_smoothing": module.label_smoothing}
            return ops.softmax_cross_entropy(
                scores, labels, given, ignore_index=module.ignore_index, **options
            )

        return Twin(Function(op, ()))
    loss = losses.SoftmaxCrossEntropy(
        label_smoothing=module.label_smoothing,
        class_weights=weights,
        ignore_index=module.ignore_index,
    )
    return loss_twin(loss, labels)


def bce_with_logits(module: Any, scores: numpy.ndarray, labels: numpy.ndarray) -> Twin:
    need_mean(module)
    if module.weight is not None:
        raise Unsupported("weights of elements")
    weights = None if module.pos_weight is None else tuple(module.pos_weight.tolist())
    return loss_twin(losses.BCEWithLogits(positive_weights=weights), labels)


def mse(module: Any, y: numpy.ndarray, targets: numpy.ndarray) -> Twin:
    need_mean(module)
    return loss_twin(losses.MSE(), targets)


def l1(module: Any, y: numpy.ndarray, targets: numpy.ndarray) -> Twin:
    need_mean(module)
    return loss_twin(losses.L1(), targets)


def huber(module: Any, y: numpy.ndarray, targets: numpy.ndarray) -> Twin:
    need_mean(module)
    return loss_twin(losses.Huber(delta=module.delta), targets)


def smooth_l1(module: Any, y: numpy.ndarray, targets: numpy.ndarray) -> Twin:
    """PyTorch's loss is that of Huber divided by delta; of beta = 1 the same."""
    need_mean(module)
    if module.beta != 1.0:
        raise Unsupported(f"smooth L1 with beta {module.beta:g}")
    return loss_twin(losses.Huber(), targets)


def need_mean(module: Any) -> None:
    if module.reduction != "mean":
        raise Unsupported(f"reduction {module.reduction}")


def loss_twin(loss: losses.Loss, labels: numpy.ndarray) -> Twin:
    def op(scores: Array) -> tuple[Array, Any]:
        y, pullback = loss(scores, labels)
        return y, lambda dy: (pullback(dy),)

    return Twin(Function(op, ()))


def fixed(layer: Layer) -> Callable[..., Twin]:
    """Return the twin of a module without options."""
    return lambda module, x: Twin(layer)


TWINS: dict[str, Callable[..., Twin]] = {
    "Conv2d": conv2d,
    "ConvTranspose2d": conv_transpose2d,
    "LayerNorm": layer_norm,
    "GroupNorm": group_norm,
    "InstanceNorm2d": instance_norm,
    "Linear": linear,
    "MaxPool2d": max_pool2d,
    "AvgPool2d": avg_pool2d,
    "AdaptiveAvgPool2d": adaptive(layers.AdaptiveAvgPool2D, layers.GlobalAvgPool2D()),
    "AdaptiveMaxPool2d": adaptive(layers.AdaptiveMaxPool2D, layers.GlobalMaxPool2D()),
    "BatchNorm1d": batch_norm,
    "BatchNorm2d": batch_norm,
    "ReLU": fixed(layers.ReLU()),
    "LeakyReLU": lambda module, x: Twin(layers.LeakyReLU(module.negative_slope)),
    "ELU": lambda module, x: Twin(layers.ELU(module.alpha)),
    "SELU": fixed(layers.SELU()),
    "PReLU": prelu,
    "GELU": lambda module, x: Twin(layers.GELU(module.approximate)),
    "SiLU": fixed(layers.SiLU()),
    "Mish": fixed(layers.Mish()),
    "Softplus": lambda module, x: Twin(layers.Softplus(module.beta, module.threshold)),
    "Softsign": fixed(layers.Softsign()),
    "Hardtanh": lambda module, x: Twin(layers.HardTanh(module.min_val, module.max_val)),
    "ReLU6": fixed(layers.ReLU6()),
    "Hardswish": fixed(layers.HardSwish()),
    "Sigmoid": fixed(layers.Sigmoid()),
    "Tanh": fixed(layers.Tanh()),
    "Softmax": softmax(layers.Softmax),
    "Softmax2d": softmax(layers.Softmax, axis=-3),
    "LogSoftmax": softmax(layers.LogSoftmax),
    "CrossEntropyLoss": cross_entropy,
    "BCEWithLogitsLoss": bce_with_logits,
    "MSELoss": mse,
    "L1Loss": l1,
    "HuberLoss": huber,
    "SmoothL1Loss": smooth_l1,
}
