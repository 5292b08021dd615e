"""The transposed convolution layer."""

import math
from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.initializers import Draw, HeNormal, Initializer, Zeros
from xpcnn.layers.base import Context
from xpcnn.layers.conv import check_image, drawn
from xpcnn.ops.hyperparameter_checks import (
    check_groups,
    check_output_padding,
    make_plain,
    transposed_shape,
)
from xpcnn.ops.reference.windows import Padding, Pair, pair
from xpcnn.options import COUNT, check
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class ConvTranspose2D:
    """Spread each pixel over a window of a larger image: (c, h, w) -> (filters, ho, wo).

    For all c, i, j, weight[c,f,i,j] * x[c,p,q] is added to
    y[f, p*stride + i*dilation - top, q*stride + j*dilation - left], and bias[f] to all of y[f]:

        ho = stride*(h - 1) + dilation*(kh - 1) + 1 - top - bottom + output_padding

    and wo likewise. Conv2D with the same hyperparameters turns an image of the size of y into one
    of the size of x.

    filters: number of output channels, at least 1.
    size: size of the windows in pixels, kh = kw or (kh, kw).
    stride: step between windows of the output in pixels; one number or (rows, columns).
    padding: pixels cut off around the output: a number, (rows, columns), ((top, bottom), (left,
        right)), "valid" for none, or "same" for ho = stride * h.
    output_padding: rows and columns added at the end of the output, less than stride or dilation;
        one number or (rows, columns).
    dilation: distance between neighbouring weights in pixels; one number or (rows, columns).
    groups: number of groups into which channels and filters are split, a divisor of both.
    bias: whether there is a bias.
    weight_init, bias_init: initializers of the parameters (`xpcnn.initializers`).

    Parameters: weight (c, filters/groups, kh, kw), bias (filters,).
    Backward and sources: `help(xpcnn.ops.conv_transpose2d)`.

    Raises:
        ConfigError: a hyperparameter is out of range, or `groups` does not divide `filters` or (in
            `init`) the channels.
        ShapeError: samples are not images, or `padding` cuts off the output (in `init`).
    """

    filters: int
    size: Pair
    _: KW_ONLY
    stride: Pair = 1
    padding: Padding = 0
    output_padding: Pair = 0
    dilation: Pair = 1
    groups: int = 1
    bias: bool = True
    weight_init: Initializer = HeNormal()
    bias_init: Initializer = Zeros()

    def __post_init__(self) -> None:
        make_plain(self, "size", "stride", "padding", "output_padding", "dilation")
        check_output_padding("ConvTranspose2D", *self._windows())
        check(self, filters=COUNT, groups=COUNT)
        check_groups("ConvTranspose2D", self.groups, self.filters, "filters")

    def _windows(self) -> tuple[Pair, Pair, Padding, Pair, Pair]:
        return self.size, self.stride, self.padding, self.output_padding, self.dilation

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_image("ConvTranspose2D", shape)
        c, h, w = shape
        check_groups("ConvTranspose2D", self.groups, c)
        out = transposed_shape("ConvTranspose2D", (h, w), *self._windows())
        weight_shape = (c, self.filters // self.groups, *pair(self.size))
        return drawn(self, draw, weight_shape, self.filters), {}, (self.filters, *out)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, back = ops.conv_transpose2d(
            x,
            params["weight"],
            params.get("bias"),
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )

        def pullback(dy: Array, want_dx: bool = True) -> tuple[Array | None, Params]:
            dx, dw, db = back(dy, (want_dx, True, self.bias))
            return dx, {"weight": dw, "bias": db} if self.bias else {"weight": dw}

        return y, {}, pullback

    def multiply_adds(self, shape: Shape, out: Shape) -> int:
        """Return the multiply-adds of one sample: each pixel is spread over one window."""
        return math.prod(shape) * (self.filters // self.groups) * math.prod(pair(self.size))
