"""A network of ours built in PyTorch, with our weights: what we are timed and compared against.

Rejects what PyTorch has no module for (`BackendError`, with the layer's name).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy
import torch
from torch import nn
from torch.nn import functional

from xpcnn import layers as ours
from xpcnn.errors import BackendError, hint
from xpcnn.layers import Layer
from xpcnn.losses import MSE, BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.ops.reference.windows import pair, sides
from xpcnn.types import Params

ELEMENTWISE: dict[type, Callable[[Any], nn.Module]] = {
    ours.ReLU: lambda layer: nn.ReLU(),
    ours.ReLU6: lambda layer: nn.ReLU6(),
    ours.LeakyReLU: lambda layer: nn.LeakyReLU(layer.slope),
    ours.ELU: lambda layer: nn.ELU(layer.alpha),
    ours.SELU: lambda layer: nn.SELU(),
    ours.GELU: lambda layer: nn.GELU(layer.approximate),
    ours.SiLU: lambda layer: nn.SiLU(),
    ours.Mish: lambda layer: nn.Mish(),
    ours.Softplus: lambda layer: nn.Softplus(layer.beta, layer.threshold),
    ours.Softsign: lambda layer: nn.Softsign(),
    ours.HardSwish: lambda layer: nn.Hardswish(),
    ours.HardTanh: lambda layer: nn.Hardtanh(layer.low, layer.high),
    ours.Sigmoid: lambda layer: nn.Sigmoid(),
    ours.Tanh: lambda layer: nn.Tanh(),
    ours.Softmax: lambda layer: nn.Softmax(layer.axis),
    ours.LogSoftmax: lambda layer: nn.LogSoftmax(layer.axis),
    ours.Flatten: lambda layer: nn.Flatten(),
    ours.Reshape: lambda layer: nn.Sequential(nn.Flatten(), nn.Unflatten(1, layer.shape)),
    ours.Identity: lambda layer: nn.Identity(),
    ours.Dropout: lambda layer: nn.Dropout(layer.rate),
    ours.SpatialDropout: lambda layer: nn.Dropout2d(layer.rate),
    ours.Upsample: lambda layer: nn.Upsample(scale_factor=layer.factor, mode=layer.mode),
    ours.GlobalAvgPool2D: lambda layer: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    ours.GlobalMaxPool2D: lambda layer: nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()),
}


class Sum(nn.Module):
    """A body with a way around it."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(x) + self.shortcut(x)
        return y


class Product(nn.Module):
    """A body, broadcast to what it multiplies."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, around = self.body(x), self.shortcut(x)
        y: torch.Tensor = around * gate.reshape(*gate.shape, *(1,) * (around.ndim - gate.ndim))
        return y


class SideBySide(nn.Module):
    """Branches, joined along the channels."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Padded(nn.Module):
    """The zeros around the images of a convolution, whatever their size."""

    def __init__(self, layer: ours.Conv2D | ours.DepthwiseConv2D) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        at, image = self.layer, (x.shape[2], x.shape[3])
        rows, columns = sides(at.padding, image, *map(pair, (at.size, at.stride, at.dilation)))
        return functional.pad(x, (*columns, *rows))


class Negative(nn.Module):
    """The negative of a module of the negative: the smallest where it takes the largest."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = -self.module(-x)
        return y


def module_of(layer: Layer, params: Params, buffers: Params) -> nn.Module:
    """Return a module that computes what the layer does. params, buffers: its host arrays."""
    if type(layer) in ELEMENTWISE:
        return ELEMENTWISE[type(layer)](layer)
    match layer:
        case ours.HardSigmoid() if layer == ours.HardSigmoid():
            return nn.Hardsigmoid()
        case ours.Sequential():
            return nn.Sequential(*_children(layer, params, buffers))
        case ours.Concat():
            return SideBySide(_children(layer, params, buffers))
        case ours.Residual():
            body, *shortcut = _children(layer, params, buffers)
            return Sum(body, shortcut[0] if shortcut else nn.Identity())
        case ours.Multiply():
            body, *shortcut = _children(layer, params, buffers)
            return Product(body, shortcut[0] if shortcut else nn.Identity())
        case ours.Conv2D() | ours.DepthwiseConv2D():
            return _conv(layer, params)
        case ours.ConvTranspose2D():
            return _conv_transpose(layer, params)
        case ours.GroupNorm():
            groups = nn.GroupNorm(layer.groups, len(params["gamma"]), eps=layer.eps)
            return _filled(groups, weight=params["gamma"], bias=params["beta"])
        case ours.LayerNorm(axes=None):
            norm = nn.LayerNorm(params["gamma"].shape, eps=layer.eps)
            return _filled(norm, weight=params["gamma"], bias=params["beta"])
        case ours.Dense():
            inputs, units = params["weight"].shape
            linear = nn.Linear(inputs, units, bias=layer.bias)
            return _filled(linear, weight=params["weight"].T, bias=params.get("bias"))
        case ours.BatchNorm():
            return _norm(layer, params, buffers)
        case ours.PReLU():
            return _filled(nn.PReLU(len(params["slope"])), weight=params["slope"])
        case ours.MaxPool2D():
            return _max_pool(layer)
        case ours.MinPool2D():
            return Negative(_max_pool(layer))
        case ours.AdaptiveAvgPool2D():
            return nn.AdaptiveAvgPool2d(layer.size)
        case ours.AdaptiveMaxPool2D():
            return nn.AdaptiveMaxPool2d(layer.size)
        case ours.AvgPool2D():
            size, stride = pair(layer.size), pair(layer.stride or layer.size)
            around = _symmetric(layer, layer.padding, size)
            return nn.AvgPool2d(size, stride, around, layer.ceil_mode, layer.count_include_pad)
    raise lacking(type(layer).__name__)


def lacking(what: str) -> BackendError:
    """Return the error of a layer or loss for which PyTorch has no module."""
    return BackendError(hint(f"PyTorch has no {what}", "a network of layers that PyTorch has too"))


def loss_of(loss: Loss) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return PyTorch's loss of (scores, integer labels)."""

    def one_hot(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if scores.shape[1] == 1:
            return labels[:, None].to(scores.dtype)
        return functional.one_hot(labels, scores.shape[1]).to(scores.dtype)

    match loss:
        case SoftmaxCrossEntropy(label_smoothing=smoothing, class_weights=None):
            return lambda s, t: functional.cross_entropy(s, t, label_smoothing=smoothing)
        case BCEWithLogits(positive_weights=None, class_weights=None) if (
            type(loss) is BCEWithLogits
        ):
            return lambda s, t: functional.binary_cross_entropy_with_logits(s, one_hot(s, t))
        case MSE(class_weights=None):
            return lambda s, t: functional.mse_loss(s, one_hot(s, t))
    raise lacking(str(loss))


def _children(layer: Any, params: Params, buffers: Params) -> list[nn.Module]:
    return [module_of(child, params[name], buffers[name]) for name, child in layer.children()]


def _conv_transpose(layer: ours.ConvTranspose2D, params: Params) -> nn.Module:
    conv = nn.ConvTranspose2d(
        len(params["weight"]),
        layer.filters,
        pair(layer.size),
        pair(layer.stride),
        _even(layer, layer.padding, pair(layer.size), pair(layer.stride), pair(layer.dilation)),
        pair(layer.output_padding),
        layer.groups,
        layer.bias,
        pair(layer.dilation),
    )
    return _filled(conv, weight=params["weight"], bias=params.get("bias"))


def _conv(layer: ours.Conv2D | ours.DepthwiseConv2D, params: Params) -> nn.Module:
    weight = params["weight"]
    filters, per_group, *size = weight.shape
    groups = layer.groups if isinstance(layer, ours.Conv2D) else filters // layer.multiplier
    around = sides(layer.padding, (1, 1), pair(layer.size), (1, 1), pair(layer.dilation))
    (top, bottom), (left, right) = around
    depends = layer.padding == "same" and pair(layer.stride) != (1, 1)  # on the size of the image
    even = top == bottom and left == right and not depends
    conv = nn.Conv2d(
        per_group * groups,
        filters,
        size,
        pair(layer.stride),
        (top, left) if even else 0,
        pair(layer.dilation),
        groups,
        layer.bias,
    )
    _filled(conv, weight=weight, bias=params.get("bias"))
    return conv if even else nn.Sequential(Padded(layer), conv)


def _norm(layer: ours.BatchNorm, params: Params, buffers: Params) -> nn.Module:
    c = len(params["gamma"])
    norm = AnyBatchNorm(c, eps=layer.eps, momentum=layer.momentum)
    _filled(norm, weight=params["gamma"], bias=params["beta"])
    return _filled(norm, running_mean=buffers["mean"], running_var=buffers["var"])


class AnyBatchNorm(nn.BatchNorm2d):
    """PyTorch's batch normalisation of images, which also takes rows."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        pass  # both of PyTorch's classes compute the same; only this check tells them apart


def _max_pool(layer: ours.MaxPool2D | ours.MinPool2D) -> nn.Module:
    size = pair(layer.size)
    around = _symmetric(layer, layer.padding, size)
    stride = pair(layer.stride or layer.size)
    return nn.MaxPool2d(size, stride, around, ceil_mode=layer.ceil_mode)


def _symmetric(layer: Any, padding: Any, size: tuple[int, int]) -> tuple[int, int]:
    return _even(layer, padding, size, pair(size if layer.stride is None else layer.stride))


def _even(
    layer: Layer,
    padding: Any,
    size: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int]:
    """Return padding that is the same on opposite sides, whatever the size of the image."""
    (top, bottom), (left, right) = sides(padding, (1, 1), size, (1, 1), dilation)
    if top != bottom or left != right or (padding == "same" and stride != (1, 1)):
        raise lacking(f"padding {padding} of {type(layer).__name__}")
    return top, left


def _filled(module: nn.Module, **arrays: numpy.ndarray | None) -> nn.Module:
    """Copy host arrays into parameters and buffers of the same names; the dtype becomes theirs."""
    for name, array in arrays.items():
        if array is not None:
            module.to(torch.from_numpy(numpy.array(array)).dtype)
            getattr(module, name).data.copy_(torch.from_numpy(numpy.array(array)))
    return module
