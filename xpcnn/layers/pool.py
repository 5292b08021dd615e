"""Pooling layers: no parameters, (c, h, w) -> (c, ho, wo), or (c,) for the global ones."""

from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, without_parameters
from xpcnn.layers.conv import check_image
from xpcnn.ops.hyperparameter_checks import check_pair, check_windows, make_plain
from xpcnn.ops.pool import pool_shape
from xpcnn.ops.reference.windows import Padding, Pair, pair
from xpcnn.options import check
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class Pool2D:
    """The hyperparameters of pooling over windows, which are those of the op, and output shapes."""

    size: Pair
    _: KW_ONLY
    stride: Pair | None = None
    padding: Padding = 0
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        make_plain(self, "size", "stride", "padding")
        stride = self.size if self.stride is None else self.stride
        check_windows(type(self).__name__, self.size, stride, self.padding, 1)
        check(self)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        name = type(self).__name__
        check_image(name, shape)
        c, h, w = shape
        out = pool_shape(name, (h, w), self.size, self.stride, self.padding, 1, self.ceil_mode)
        return {}, {}, (c, *out)


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
    """Take the largest element of each window: (c, h, w) -> (c, ho, wo).

    Backward: dy goes to the first largest element of the window (`help(xpcnn.ops.max_pool2d)`).

    size: size of the windows in pixels; one number or (rows, columns).
    stride: step between windows in pixels; one number or (rows, columns); None for `size`, so that
        windows do not overlap.
    padding: pixels around the image, never the largest: a number, (rows, columns), ((top, bottom),
        (left, right)), "valid" for none, or "same" for ho = ceil(h / stride).
    ceil_mode: whether a last window may reach beyond the image and its padding.

    Raises:
        ConfigError: a hyperparameter is out of range, or a window lies in the padding alone.
        ShapeError: samples are not images, or too small for a window (in `init`).
    """

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*ops.max_pool2d(x, **vars(self)))


@dataclass(frozen=True)
class MinPool2D(Pool2D):
    """Take the smallest element of each window, as -max(-x): (c, h, w) -> (c, ho, wo).

    Backward: dy goes to the first smallest element of the window.

    size: size of the windows in pixels; one number or (rows, columns).
    stride: step between windows in pixels; one number or (rows, columns); None for `size`, so that
        windows do not overlap.
    padding: pixels around the image, never the smallest: a number, (rows, columns), ((top, bottom),
        (left, right)), "valid" for none, or "same" for ho = ceil(h / stride).
    ceil_mode: whether a last window may reach beyond the image and its padding.

    Raises:
        ConfigError: a hyperparameter is out of range, or a window lies in the padding alone.
        ShapeError: samples are not images, or too small for a window (in `init`).
    """

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        y, pullback = ops.max_pool2d(-x, **vars(self))
        return without_parameters(-y, pullback)  # the two signs cancel: d(-max(-x))/dx = max'(-x)


@dataclass(frozen=True)
class AvgPool2D(Pool2D):
    """Take the mean of each window: (c, h, w) -> (c, ho, wo).

    Backward: dy / N goes to each of the N elements of the window (`help(xpcnn.ops.avg_pool2d)`).

    size: size of the windows in pixels; one number or (rows, columns).
    stride: step between windows in pixels; one number or (rows, columns); None for `size`, so that
        windows do not overlap.
    padding: zeros around the image: a number of pixels, (rows, columns), ((top, bottom), (left,
        right)), "valid" for none, or "same" for ho = ceil(h / stride).
    ceil_mode: whether a last window may reach beyond the image and its padding.
    count_include_pad: whether the mean counts the zeros of the padding as elements.

    Raises:
        ConfigError: a hyperparameter is out of range, or a window lies in the padding alone.
        ShapeError: samples are not images, or too small for a window (in `init`).
    """

    count_include_pad: bool = True

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*ops.avg_pool2d(x, **vars(self)))


@dataclass(frozen=True)
class AdaptivePool2D:
    """Pooling to an output of a given size."""

    size: Pair

    def __post_init__(self) -> None:
        make_plain(self, "size")
        check_pair(type(self).__name__, "size", self.size)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_image(type(self).__name__, shape)
        return {}, {}, (shape[0], *pair(self.size))

    def windows(self, x: Array) -> Pair | None:
        """Return the size of all windows over x, or None if they differ or overlap."""
        (_, _, h, w), (ho, wo) = x.shape, pair(self.size)
        return None if h % ho or w % wo else (h // ho, w // wo)


@dataclass(frozen=True)
class AdaptiveAvgPool2D(AdaptivePool2D):
    """Take the mean of each window, as many as the output has pixels: (c, h, w) -> (c, ho, wo).

    Where h and w are multiples of ho and wo, all windows have one size and lie side by side. Else
    they differ in size or overlap, as in PyTorch: `help(xpcnn.ops.adaptive_avg_pool2d)`.

    Backward: dy / N goes to each of the N pixels of the window.

    size: size of the output in pixels, ho = wo or (ho, wo).

    Raises:
        ConfigError: `size` is out of range.
        ShapeError: samples are not images (in `init`).
    """

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        size = self.windows(x)
        if size is not None:  # the same result; this op has more kernels
            return without_parameters(*ops.avg_pool2d(x, size=size))
        return without_parameters(*ops.adaptive_avg_pool2d(x, size=self.size))


@dataclass(frozen=True)
class AdaptiveMaxPool2D(AdaptivePool2D):
    """Take the largest pixel of each window, as many as the output has: (c, h, w) -> (c, ho, wo).

    The windows are those of AdaptiveAvgPool2D: of one size where h and w are multiples of ho, wo.

    Backward: dy goes to the first largest pixel of the window.

    size: size of the output in pixels, ho = wo or (ho, wo).

    Raises:
        ConfigError: `size` is out of range.
        ShapeError: samples are not images (in `init`).
    """

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        size = self.windows(x)
        if size is not None:
            return without_parameters(*ops.max_pool2d(x, size=size))
        return without_parameters(*ops.adaptive_max_pool2d(x, size=self.size))


@dataclass(frozen=True)
class GlobalPool2D:
    """Pooling over whole images, and its output shape."""

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_image(type(self).__name__, shape)
        return {}, {}, shape[:1]


@dataclass(frozen=True)
class GlobalAvgPool2D(GlobalPool2D):
    """Take the mean of each channel: (c, h, w) -> (c,). Backward: dx = dy / (h*w)."""

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*ops.global_avg_pool2d(x))


@dataclass(frozen=True)
class GlobalMaxPool2D(GlobalPool2D):
    """Take the largest element of each channel: (c, h, w) -> (c,).

    Backward: dy goes to the first largest element in row-major order.
    """

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        return without_parameters(*ops.global_max_pool2d(x))
