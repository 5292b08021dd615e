"""ONNX's operators on images in terms of xpcnn's: convolutions, pools, resizing."""

from collections.abc import Callable
from typing import Any

import numpy

from tests.conformance.case_results import Unsupported
from xpcnn import ops
from xpcnn.types import Array


def conv(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    kernel_shape: list[int],
    group: int = 1,
    strides: tuple[int, ...] = (1, 1),
    dilations: tuple[int, ...] = (1, 1),
    pads: tuple[int, ...] = (0, 0, 0, 0),
    auto_pad: str = "NOTSET",
) -> Array:
    need_images(x)
    padding = sides(x, kernel_shape, strides, dilations, pads, auto_pad)
    y, _ = ops.conv2d(
        x,
        w,
        b,
        stride=pair(strides),
        padding=padding,
        dilation=pair(dilations),
        groups=group,
    )
    return y


def conv_transpose(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    kernel_shape: list[int] | None = None,
    group: int = 1,
    strides: tuple[int, ...] = (1, 1),
    dilations: tuple[int, ...] = (1, 1),
    pads: tuple[int, ...] = (0, 0, 0, 0),
    output_padding: tuple[int, ...] = (0, 0),
    output_shape: list[int] | None = None,
    auto_pad: str = "NOTSET",
) -> Array:
    """SAME_UPPER is "same"; an output shape leaves the padding to be computed."""
    need_images(x)
    top, left, bottom, right = pads
    padding: Any = ((top, bottom), (left, right))
    if auto_pad == "SAME_UPPER" and output_shape is None:
        padding = "same"
    elif output_shape is not None or auto_pad != "NOTSET":
        wanted = output_shape or [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
        axes = zip(x.shape[2:], w.shape[2:], strides, dilations, output_padding, strict=True)
        full = [s * (n - 1) + d * (k - 1) + 1 + more for n, k, s, d, more in axes]
        total = [n - size for n, size in zip(full, wanted[-2:], strict=True)]
        if min(total) < 0:
            raise Unsupported("an output beyond the reach of the windows")
        ends = [(n // 2, n - n // 2) for n in total]  # an odd one at the end
        padding = tuple(ends if auto_pad == "SAME_UPPER" else [(b, a) for a, b in ends])
    y, _ = ops.conv_transpose2d(
        x,
        w,
        b,
        stride=pair(strides),
        padding=padding,
        output_padding=pair(output_padding),
        dilation=pair(dilations),
        groups=group,
    )
    return y


def resize(
    x: Array,
    roi: Array | None = None,
    scales: Array | None = None,
    sizes: Array | None = None,
    *,
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
    coordinate_transformation_mode: str = "half_pixel",
    antialias: int = 0,
    **others: Any,
) -> Array:
    """What xpcnn has: floor of asymmetric places, and lines with aligned edges."""
    if x.ndim != 4 or "axes" in others or "keep_aspect_ratio_policy" in others or antialias:
        raise Unsupported("axes, aspect ratio or antialiasing")
    if mode == "nearest":
        if (coordinate_transformation_mode, nearest_mode) != ("asymmetric", "floor"):
            raise Unsupported(f"nearest: {coordinate_transformation_mode}, {nearest_mode}")
    elif (mode, coordinate_transformation_mode) != ("linear", "half_pixel"):
        raise Unsupported(f"{mode}: {coordinate_transformation_mode}")
    if sizes is None:
        assert scales is not None
        exact = [n * float(s) for n, s in zip(x.shape, scales, strict=True)]
        if any(n != int(n) for n in exact):
            raise Unsupported("a scale that is no ratio of sizes")
        sizes = numpy.asarray(exact)
    size = (int(sizes[2]), int(sizes[3]))
    return ops.upsample2d(x, size=size, mode="nearest" if mode == "nearest" else "bilinear")[0]


def upsample(x: Array, scales: Array, *, mode: str = "nearest") -> Array:
    size = int(x.shape[2] * scales[2]), int(x.shape[3] * scales[3])
    return ops.upsample2d(x, size=size, mode="nearest" if mode == "nearest" else "bilinear")[0]


def pool(op: Callable[..., Any]) -> Callable[..., Array]:
    """Return the adapter of a pooling op."""

    def run(
        x: Array,
        *,
        kernel_shape: list[int],
        strides: tuple[int, ...] = (1, 1),
        dilations: tuple[int, ...] = (1, 1),
        pads: tuple[int, ...] = (0, 0, 0, 0),
        auto_pad: str = "NOTSET",
        ceil_mode: int = 0,
        count_include_pad: int | None = None,
        storage_order: int = 0,
    ) -> Array:
        need_images(x)
        if x.dtype.kind != "f":
            raise Unsupported("integer images")
        average = {} if op is ops.max_pool2d else {"count_include_pad": bool(count_include_pad)}
        y, _ = op(
            x,
            size=pair(kernel_shape),
            stride=pair(strides),
            padding=sides(x, kernel_shape, strides, dilations, pads, auto_pad),
            dilation=pair(dilations),
            ceil_mode=bool(ceil_mode),
            **average,
        )
        return y  # without Indices, MaxPool's second output

    return run


def need_images(x: Array) -> None:
    if x.ndim != 4:
        raise Unsupported(f"{x.ndim - 2}-D images")


def pair(values: Any) -> tuple[int, int]:
    return values[0], values[1]


def sides(x: Array, size: Any, strides: Any, dilations: Any, pads: Any, auto_pad: str) -> Any:
    """Return ((top, bottom), (left, right)) of `pads` or SAME_LOWER; SAME_UPPER is "same"."""
    if auto_pad == "SAME_UPPER":
        return "same"
    if auto_pad == "NOTSET":
        top, left, bottom, right = pads
        return (top, bottom), (left, right)
    both = []
    for length, k, stride, dilation in zip(x.shape[2:], size, strides, dilations, strict=True):
        windows = -(-length // stride)
        total = max((windows - 1) * stride + dilation * (k - 1) + 1 - length, 0)
        less, more = total // 2, total - total // 2
        assert auto_pad == "SAME_LOWER"
        both.append((more, less))
    return both[0], both[1]


def global_pool(op: Callable[..., Any]) -> Callable[[Array], Array]:
    """Return the adapter of a global pooling op: ONNX keeps the two spatial axes."""

    def run(x: Array) -> Array:
        need_images(x)
        return op(x)[0][:, :, None, None]

    return run
