"""Convolution and its adjoint, checked. Definition: `reference/conv.py`, `conv_transpose.py`."""

from xpcnn.errors import ShapeError, counted, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays, check_length, check_rank
from xpcnn.ops.dispatch import op
from xpcnn.ops.hyperparameter_checks import check_groups, transposed_shape, window_shape
from xpcnn.ops.reference.windows import Padding, Pair
from xpcnn.types import Array


def check_conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> None:
    """Require arrays and hyperparameters that match each other."""
    check_arrays("conv2d", x=x, w=w, b=b)
    check_rank("conv2d", "x", x, "(n, c, h, w)")
    check_rank("conv2d", "w", w, "(filters, c/groups, kh, kw)")
    _, c, height, width = x.shape
    f, c_group, kh, kw = w.shape
    check_groups("conv2d", groups, f, "filters")
    if c != c_group * groups:
        message = f"conv2d: x has {counted(c, 'channel')}, w expects {c_group * groups}"
        if width == c_group * groups:
            raise ShapeError(
                hint(
                    f"{message}; x of shape {tuple(x.shape)} looks channels-last (n, h, w, c)",
                    "xp.permute_dims(x, (0, 3, 1, 2))",
                )
            )
        advice = f"x with {counted(c_group * groups, 'channel')}, or weights made for {c}"
        raise ShapeError(hint(message, advice))
    check_length("conv2d", "b", b, f, "one entry per filter")
    window_shape("conv2d", (height, width), (kh, kw), stride, padding, dilation)


conv2d = op(reference.conv2d, check_conv2d, half=True)


def _check_conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> None:
    name = "conv_transpose2d"
    check_arrays(name, x=x, w=w, b=b)
    check_rank(name, "x", x, "(n, c, h, w)")
    check_rank(name, "w", w, "(c, filters/groups, kh, kw)")
    _, c, height, width = x.shape
    channels, f_group, kh, kw = w.shape
    if c != channels:
        message = f"{name}: x has {counted(c, 'channel')}, w expects {channels}"
        advice = f"x with {counted(channels, 'channel')}, or weights made for {c}"
        raise ShapeError(hint(message, advice))
    check_groups(name, groups, c)
    check_length(name, "b", b, f_group * groups, "one entry per filter")
    transposed_shape(name, (height, width), (kh, kw), stride, padding, output_padding, dilation)


conv_transpose2d = op(reference.conv_transpose2d, _check_conv_transpose2d, half=True)
