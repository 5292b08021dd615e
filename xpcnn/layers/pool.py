"""Pooling layers: no parameters, (c, h, w) -> (c, ho, wo), or (c,) for the global ones."""

from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, LayerPullback, plain
from xpcnn.layers.conv import check_image
from xpcnn.ops.checks import check_windows
from xpcnn.ops.pool import pool_shape
from xpcnn.ops.reference.windows import Padding, Pair
from xpcnn.types import Array, Params, Shape


@dataclass(frozen=True)
class MaxPool2D:
    """Take the largest element of every window. Formulas: `ops.max_pool2d`."""

    size: Pair
    _: KW_ONLY
    stride: Pair | None = None
    padding: Padding = 0
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        _check(self)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, _out_shape(self, shape)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, pullback = ops.max_pool2d(
            x, size=self.size, stride=self.stride, padding=self.padding, ceil_mode=self.ceil_mode
        )
        return plain(y, pullback)


@dataclass(frozen=True)
class MinPool2D:
    """Take the smallest element of every window: min(x) = -max(-x)."""

    size: Pair
    _: KW_ONLY
    stride: Pair | None = None
    padding: Padding = 0
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        _check(self)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, _out_shape(self, shape)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, pullback = ops.max_pool2d(
            -x, size=self.size, stride=self.stride, padding=self.padding, ceil_mode=self.ceil_mode
        )
        return plain(-y, pullback)  # the two signs cancel: d(-max(-x))/dx = max'(-x)


@dataclass(frozen=True)
class AvgPool2D:
    """Take the mean of every window. Formulas: `ops.avg_pool2d`."""

    size: Pair
    _: KW_ONLY
    stride: Pair | None = None
    padding: Padding = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def __post_init__(self) -> None:
        _check(self)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        return {}, {}, _out_shape(self, shape)

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, pullback = ops.avg_pool2d(
            x,
            size=self.size,
            stride=self.stride,
            padding=self.padding,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
        )
        return plain(y, pullback)


@dataclass(frozen=True)
class GlobalAvgPool2D:
    """Take the mean of every channel: (c, h, w) -> (c,)."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_image("GlobalAvgPool2D", shape)
        return {}, {}, shape[:1]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return plain(*ops.global_avg_pool2d(x))


@dataclass(frozen=True)
class GlobalMaxPool2D:
    """Take the largest element of every channel: (c, h, w) -> (c,)."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_image("GlobalMaxPool2D", shape)
        return {}, {}, shape[:1]

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return plain(*ops.global_max_pool2d(x))


def _check(layer: MaxPool2D | MinPool2D | AvgPool2D) -> None:
    stride = layer.size if layer.stride is None else layer.stride
    check_windows(type(layer).__name__, layer.size, stride, layer.padding, 1)


def _out_shape(layer: MaxPool2D | MinPool2D | AvgPool2D, shape: Shape) -> Shape:
    name = type(layer).__name__
    check_image(name, shape)
    c, h, w = shape
    out = pool_shape(name, (h, w), layer.size, layer.stride, layer.padding, 1, layer.ceil_mode)
    return (c, *out)
