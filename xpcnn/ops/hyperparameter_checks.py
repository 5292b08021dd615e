"""Checks of the hyperparameters of ops and layers: windows, sizes, groups."""

import operator
from typing import Any

from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.ops.reference.conv_transpose import transposed_windows
from xpcnn.ops.reference.windows import Padding, Pair, Windows, pair, sides
from xpcnn.options import whole


def window_shape(
    op: str,
    image: tuple[int, int],
    size: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> tuple[int, int]:
    """Return (ho, wo), the number of windows over an image of (h, w).

    Raises:
        ConfigError: a hyperparameter is not valid.
        ShapeError: the window is larger than the image with its padding.
    """
    check_windows(op, size, stride, padding, dilation)
    windows = Windows.of(image, size, stride, padding, dilation, ceil_mode)
    if min(windows.out) < 1:
        (top, bottom), (left, right) = windows.sides
        reach = tuple(d * (k - 1) + 1 for k, d in zip(windows.size, windows.dilation, strict=True))
        raise ShapeError(
            hint(
                f"{op}: a window of {reach[0]} x {reach[1]} does not fit into an image of "
                f"{image[0] + top + bottom} x {image[1] + left + right} (h x w, padding included)",
                "a smaller size or dilation, more padding, or fewer layers that shrink the image",
            )
        )
    return windows.out


def transposed_shape(
    op: str,
    image: tuple[int, int],
    size: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
) -> tuple[int, int]:
    """Return (ho, wo), the size of the output of a transposed convolution of images of (h, w).

    Raises:
        ConfigError: a hyperparameter is not valid.
        ShapeError: the padding cuts off the whole output.
    """
    check_output_padding(op, size, stride, padding, output_padding, dilation)
    ho, wo = transposed_windows(image, size, stride, padding, output_padding, dilation).image
    if min(ho, wo) < 1:
        message = f"{op}: padding {padding!r} cuts off the whole output, which would be {ho} x {wo}"
        raise ShapeError(hint(message, "less padding"))
    return ho, wo


def check_output_padding(
    op: str, size: Pair, stride: Pair, padding: Padding, output_padding: Pair, dilation: Pair
) -> None:
    """Require valid windows, and an output padding below the stride or the dilation."""
    check_windows(op, size, stride, padding, dilation)
    axes = zip(pair(stride), pair(dilation), strict=True)
    most = [0 if padding == "same" else max(s, d) - 1 for s, d in axes]
    if not _is_pair(output_padding) or any(
        not 0 <= n <= limit for n, limit in zip(pair(output_padding), most, strict=True)
    ):
        rule = "0 with padding 'same'" if padding == "same" else "less than the stride or dilation"
        message = f"{op}: output_padding is {output_padding!r}, expected a whole number, {rule}"
        raise ConfigError(hint(message, "output_padding=0, or 1 with stride=2"))


def check_pair(op: str, name: str, value: Pair) -> None:
    """Require a whole number of at least 1, or a pair of them."""
    if not _is_pair(value) or min(pair(value)) < 1:
        raise ConfigError(
            hint(
                f"{op}: {name} is {value!r}, expected a whole number of at least 1, or a pair",
                f"{name}=2, or {name}=(2, 1) for rows and columns",
            )
        )
    _check_most(op, name, max(pair(value)))


def check_windows(op: str, size: Pair, stride: Pair, padding: Padding, dilation: Pair) -> None:
    """Require sizes, strides and dilations of at least 1 and padding of at least 0."""
    for name, value in (("size", size), ("stride", stride), ("dilation", dilation)):
        check_pair(op, name, value)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ConfigError(
                hint(f"{op}: padding {padding!r} is unknown", "a number, a pair, 'same' or 'valid'")
            )
        return
    valid = _is_pair(padding) or (
        isinstance(padding, tuple) and len(padding) == 2 and all(_is_pair(p) for p in padding)
    )
    one = (1, 1)
    if not valid or min(map(min, sides(padding, one, one, one, one))) < 0:
        raise ConfigError(
            hint(
                f"{op}: padding is {padding!r}, expected a number of at least 0, (rows, columns), "
                "((top, bottom), (left, right)), 'same' or 'valid'",
                "padding=1, or padding='same' to keep the size",
            )
        )
    _check_most(op, "padding", max(map(max, sides(padding, one, one, one, one))))


_MOST = 1 << 24
"""The largest size, stride, padding or dilation: beyond all images, far below an overflow."""


def _check_most(op: str, name: str, value: int) -> None:
    if value > _MOST:
        message = f"{op}: {name} is {value}, expected at most {_MOST}"
        raise ConfigError(hint(message, f"{name}=1, or another small number"))


def plain_sizes(value: Any) -> Any:
    """Return whole numbers of any type as int and lists as tuples; anything else unchanged."""
    if isinstance(value, list | tuple):
        return tuple(map(plain_sizes, value))
    try:
        return value if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return value


def make_plain(layer: Any, *names: str) -> None:
    """Convert the sizes among a layer's fields to ints and tuples, in its `__post_init__`."""
    for name in names:
        object.__setattr__(layer, name, plain_sizes(getattr(layer, name)))


def _is_pair(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool)
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
    )


def check_groups(owner: str, groups: int, count: int, what: str = "channels") -> None:
    """Require a number of groups that divides the number of channels, or of `what`."""
    whole(owner, "groups", groups, 1, "groups=1, or more")
    if count % groups:
        message = f"{owner}: {count} {what} cannot be split into {groups} groups"
        raise ConfigError(hint(message, f"a number of groups that divides the number of {what}"))
