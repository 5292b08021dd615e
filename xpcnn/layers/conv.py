"""The convolution layers."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

from xpcnn import ops
from xpcnn.errors import ShapeError, hint
from xpcnn.initializers import Draw, HeNormal, Initializer, Zeros
from xpcnn.layers.base import Context
from xpcnn.ops.hyperparameter_checks import check_groups, check_windows, make_plain, window_shape
from xpcnn.ops.reference.windows import Padding, Pair, pair
from xpcnn.options import COUNT, check
from xpcnn.types import Array, LayerPullback, Params, Pullback, Shape


class Convolution:
    """A layer that runs `ops.conv2d` with the parameters weight and bias."""

    stride: Pair
    padding: Padding
    dilation: Pair
    bias: bool

    def groups_of(self, weight: Array) -> int:
        """Return the number of groups of filters `weight` (filters, c/groups, kh, kw)."""
        raise NotImplementedError

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        options = self.op_options(params["weight"])
        y, back = ops.conv2d(x, params["weight"], params.get("bias"), **options)
        return y, {}, self.pullback(back)

    def op_options(self, weight: Array) -> dict[str, Any]:
        """Return the hyperparameters of `ops.conv2d` by name, for these filters."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups_of(weight),
        }

    def pullback(self, back: Pullback) -> LayerPullback:
        """Return the layer's pullback, given `back`, that of the op."""

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, dw, db = back(dy, (want_dx, True, self.bias))
            return dx, {"weight": dw, "bias": db} if self.bias else {"weight": dw}

        return pullback


@dataclass(frozen=True)
class Conv2D(Convolution):
    """Convolve images with learnt filters: (c, h, w) -> (filters, ho, wo).

        y[f,p,q] = bias[f] + sum_{c,i,j} weight[f,c,i,j] * x[c, p*stride + i*dilation - top, ...]
        ho = floor((h + top + bottom - dilation*(kh - 1) - 1) / stride) + 1, and wo likewise

    filters: number of output channels, at least 1.
    size: size of the filters in pixels, kh = kw or (kh, kw).
    stride: step between windows in pixels; one number or (rows, columns).
    padding: zeros around the image: a number of pixels, (rows, columns), ((top, bottom), (left,
        right)), "valid" for none, or "same" for ho = ceil(h / stride), as in Keras and ONNX's
        SAME_UPPER: an odd row or column is at the end.
    dilation: distance between neighbouring weights of a filter in pixels; one number or
        (rows, columns).
    groups: number of groups into which channels and filters are split, a divisor of both; as many
        groups as channels make a depthwise convolution (DepthwiseConv2D).
    bias: whether there is a bias.
    weight_init, bias_init: initializers of the parameters (`xpcnn.initializers`).

    Parameters: weight (filters, c/groups, kh, kw), bias (filters,).
    Backward: `help(xpcnn.ops.conv2d)`; derived step by step in `examples/guides/derive_a_layer.md`.

    Raises:
        ConfigError: a hyperparameter is out of range, or `groups` does not divide `filters`.
        ShapeError: samples are not images, too small for a window, or have a number of channels
            that `groups` does not divide (in `init`).
    """

    filters: int
    size: Pair
    _: KW_ONLY
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    groups: int = 1
    bias: bool = True
    weight_init: Initializer = HeNormal()
    bias_init: Initializer = Zeros()

    def __post_init__(self) -> None:
        make_plain(self, "size", "stride", "padding", "dilation")
        check_windows("Conv2D", self.size, self.stride, self.padding, self.dilation)
        check(self, filters=COUNT, groups=COUNT)
        check_groups("Conv2D", self.groups, self.filters, "filters")

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_image("Conv2D", shape)
        c, h, w = shape
        if c % self.groups:
            raise ShapeError(
                hint(
                    f"Conv2D: {c} channels cannot be split into {self.groups} groups",
                    f"groups=1, or groups={c} for a depthwise convolution",
                )
            )
        ho, wo = window_shape("Conv2D", (h, w), self.size, self.stride, self.padding, self.dilation)
        weight_shape = (self.filters, c // self.groups, *pair(self.size))
        params = drawn(self, draw, weight_shape, self.filters)
        return params, {}, (self.filters, ho, wo)

    def groups_of(self, weight: Array) -> int:
        return self.groups

    def multiply_adds(self, shape: Shape, out: Shape) -> int:
        """Return the multiply-adds of a sample of `shape`, with output `out`: one sum a window."""
        return math.prod(out) * (shape[0] // self.groups) * math.prod(pair(self.size))


@dataclass(frozen=True)
class DepthwiseConv2D(Convolution):
    """Convolve each channel with learnt filters of its own: (c, h, w) -> (c * multiplier, ho, wo).

        y[f,p,q] = bias[f] + sum_{i,j} weight[f,0,i,j] * x[c, p*stride + i*dilation - top, ...]

    with c = floor(f / multiplier), the channel of filter f.

    It is Conv2D with as many groups as channels; c follows from the layer before. With a
    Conv2D of size 1 after it, which mixes the channels, it is a depthwise separable convolution.

    size: size of the filters in pixels, kh = kw or (kh, kw).
    multiplier: filters for each channel, at least 1.
    stride: step between windows in pixels; one number or (rows, columns).
    padding: zeros around the image: a number of pixels, (rows, columns), ((top, bottom), (left,
        right)), "valid" for none, or "same" for ho = ceil(h / stride).
    dilation: distance between neighbouring weights of a filter in pixels; one number or
        (rows, columns).
    bias: whether there is a bias.
    weight_init, bias_init: initializers of the parameters (`xpcnn.initializers`).

    Parameters: weight (c * multiplier, 1, kh, kw), bias (c * multiplier,).
    Backward: `help(xpcnn.ops.conv2d)`. Source: Howard et al. 2017, arXiv:1704.04861.

    Raises:
        ConfigError: a hyperparameter is out of range.
        ShapeError: samples are not images, or too small for a window (in `init`).
    """

    size: Pair
    _: KW_ONLY
    multiplier: int = 1
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    bias: bool = True
    weight_init: Initializer = HeNormal()
    bias_init: Initializer = Zeros()

    def __post_init__(self) -> None:
        make_plain(self, "size", "stride", "padding", "dilation")
        check_windows("DepthwiseConv2D", self.size, self.stride, self.padding, self.dilation)
        check(self, multiplier=COUNT)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_image("DepthwiseConv2D", shape)
        c, h, w = shape
        windows = (self.size, self.stride, self.padding, self.dilation)
        ho, wo = window_shape("DepthwiseConv2D", (h, w), *windows)
        filters = c * self.multiplier
        params = drawn(self, draw, (filters, 1, *pair(self.size)), filters)
        return params, {}, (filters, ho, wo)

    def groups_of(self, weight: Array) -> int:
        return int(weight.shape[0]) // self.multiplier

    def multiply_adds(self, shape: Shape, out: Shape) -> int:
        """Return the multiply-adds of a sample of `shape`, with output `out`."""
        return math.prod(out) * math.prod(pair(self.size))


def drawn(layer: Any, draw: Draw, weight_shape: Shape, filters: int) -> Params:
    """Return weight and, if the layer has one, bias with their first values."""
    params = {"weight": draw("weight", layer.weight_init, weight_shape)}
    if layer.bias:
        params["bias"] = draw("bias", layer.bias_init, (filters,))
    return params


def check_image(layer: str, shape: Shape) -> None:
    """Require samples that are images (c, h, w)."""
    if len(shape) != 3:
        advice = "a Reshape((c, h, w)) layer before it, or image layers before Flatten"
        if len(shape) == 4:
            advice = f"{shape[1:]}, the shape of one sample, without their number"
        raise ShapeError(
            hint(
                f"{layer}: samples have shape {shape}, expected images (channels, height, width)",
                advice,
            )
        )
