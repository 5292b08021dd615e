"""PyTorch's modules in terms of xpcnn's layers and losses: `counterpart_of(module, inputs)`.

What xpcnn does not offer raises Unsupported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from tests.conformance.case_results import Unsupported
from tests.conformance.counterpart import Counterpart, Function, need_rank
from tests.conformance.loss_adapter import LOSSES
from xpcnn import layers, ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, Layer
from xpcnn.types import Array, Params, Shape


@dataclass(frozen=True)
class SharedSlope(layers.PReLU):
    """PyTorch's default: one slope for all channels."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {"slope": draw("slope", self.slope_init, (1,))}, {}, shape


def counterpart_of(module: Any, *inputs: numpy.ndarray) -> Counterpart:
    """Return the counterpart of a PyTorch module for inputs of those shapes (and these labels)."""
    return COUNTERPARTS[type(module).__name__](module, *inputs)


def conv2d(module: Any, x: numpy.ndarray) -> Counterpart:
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
    return Counterpart(layer, parameters(module))


def conv_transpose2d(module: Any, x: numpy.ndarray) -> Counterpart:
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
    return Counterpart(layer, parameters(module))


def layer_norm(module: Any, x: numpy.ndarray) -> Counterpart:
    if x.size == 0:
        raise Unsupported("an empty batch")
    axes = tuple(range(x.ndim - len(module.normalized_shape), x.ndim))
    return Counterpart(layers.LayerNorm(axes, eps=module.eps), scale_and_shift(module))


def group_norm(module: Any, x: numpy.ndarray) -> Counterpart:
    return Counterpart(layers.GroupNorm(module.num_groups, eps=module.eps), scale_and_shift(module))


def instance_norm(module: Any, x: numpy.ndarray) -> Counterpart:
    need_rank(x, 4)
    if module.track_running_stats:
        raise Unsupported("running statistics")
    return Counterpart(layers.GroupNorm(x.shape[1], eps=module.eps), scale_and_shift(module))


def scale_and_shift(module: Any) -> dict[str, str]:
    pairs = {"weight": "gamma", "bias": "beta"}
    return {
        theirs: ours for theirs, ours in pairs.items() if getattr(module, theirs, None) is not None
    }


def linear(module: Any, input: numpy.ndarray) -> Counterpart:
    need_rank(input, 2)
    layer = layers.Dense(module.out_features, bias=module.bias is not None)
    return Counterpart(layer, parameters(module), frozenset({"weight"}))


def parameters(module: Any) -> dict[str, str]:
    return {name: name for name in ("weight", "bias") if getattr(module, name) is not None}


def max_pool2d(module: Any, x: numpy.ndarray) -> Counterpart:
    need_rank(x, 4)
    if module.return_indices:
        raise Unsupported("indices as a second output")
    if module.dilation != 1:
        raise Unsupported("dilation")
    return Counterpart(
        layers.MaxPool2D(
            module.kernel_size,
            stride=module.stride,
            padding=module.padding,
            ceil_mode=module.ceil_mode,
        )
    )


def avg_pool2d(module: Any, x: numpy.ndarray) -> Counterpart:
    need_rank(x, 4)
    layer = layers.AvgPool2D(
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        ceil_mode=module.ceil_mode,
        count_include_pad=module.count_include_pad,
    )
    if module.divisor_override is None:
        return Counterpart(layer)
    _, _, out = layer.init(x.shape[1:], Draw(0))
    options = {**vars(layer), "divisor": module.divisor_override}  # which the layer does not offer
    return Counterpart(Function(lambda y: ops.avg_pool2d(y, **options), out))


def adaptive(
    kind: Callable[[tuple[int, int]], Layer], over_all: Layer
) -> Callable[..., Counterpart]:
    """Return the counterpart of adaptive pooling, of `kind`; `over_all` pools to one pixel.

    None stands for the size of the input.
    """

    def make(module: Any, x: numpy.ndarray) -> Counterpart:
        need_rank(x, 4)
        wanted = module.output_size
        if wanted == 1:
            return global_pool(over_all, x)
        wanted = (wanted, wanted) if isinstance(wanted, int) else wanted
        rows, columns = (n if k is None else k for n, k in zip(x.shape[2:], wanted, strict=True))
        return Counterpart(kind((rows, columns)))

    return make


def global_pool(layer: Layer, x: numpy.ndarray) -> Counterpart:
    """Return the counterpart of adaptive pooling to one pixel, which keeps the two spatial axes."""

    def op(x: Array) -> tuple[Array, Any]:
        y, _, back = layer.forward({}, {}, x, Context())
        return y[:, :, None, None], lambda dy: (back(dy[:, :, 0, 0])[0],)

    return Counterpart(Function(op, (x.shape[1], 1, 1)))


def batch_norm(module: Any, x: numpy.ndarray) -> Counterpart:
    need_rank(x, 2, 4)
    if x.size == 0:
        raise Unsupported("an empty batch")
    if module.momentum is None:
        raise Unsupported("cumulative averages (momentum None)")
    pairs = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
    names = {theirs: ours for theirs, ours in pairs.items() if getattr(module, theirs) is not None}
    layer = layers.BatchNorm(momentum=module.momentum, eps=module.eps)
    return Counterpart(layer, names, batch_statistics=module.running_mean is None)


def prelu(module: Any, x: numpy.ndarray) -> Counterpart:
    if x.ndim < 2:
        raise Unsupported(f"{x.ndim}-D input")
    layer = SharedSlope() if module.num_parameters == 1 else layers.PReLU()
    return Counterpart(layer, {"weight": "slope"})


def softmax(kind: Callable[..., Layer], axis: int | None = None) -> Callable[..., Counterpart]:
    """Return the counterpart of a softmax along the module's `dim`, or along `axis`."""

    def make(module: Any, x: numpy.ndarray) -> Counterpart:
        if x.ndim == 0:
            raise Unsupported("0-D input")
        return Counterpart(kind(module.dim if axis is None else axis))

    return make


def fixed(layer: Layer) -> Callable[..., Counterpart]:
    """Return the counterpart of a module without options."""
    return lambda module, x: Counterpart(layer)


COUNTERPARTS: dict[str, Callable[..., Counterpart]] = {
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
    "LeakyReLU": lambda module, x: Counterpart(layers.LeakyReLU(module.negative_slope)),
    "ELU": lambda module, x: Counterpart(layers.ELU(module.alpha)),
    "SELU": fixed(layers.SELU()),
    "PReLU": prelu,
    "GELU": lambda module, x: Counterpart(layers.GELU(module.approximate)),
    "SiLU": fixed(layers.SiLU()),
    "Mish": fixed(layers.Mish()),
    "Softplus": lambda module, x: Counterpart(layers.Softplus(module.beta, module.threshold)),
    "Softsign": fixed(layers.Softsign()),
    "Hardtanh": lambda module, x: Counterpart(layers.HardTanh(module.min_val, module.max_val)),
    "ReLU6": fixed(layers.ReLU6()),
    "Hardswish": fixed(layers.HardSwish()),
    "Sigmoid": fixed(layers.Sigmoid()),
    "Tanh": fixed(layers.Tanh()),
    "Softmax": softmax(layers.Softmax),
    "Softmax2d": softmax(layers.Softmax, axis=-3),
    "LogSoftmax": softmax(layers.LogSoftmax),
    **LOSSES,
}
