"""Checks of the arguments of ops: arrays, shapes, hyperparameters.

Nothing here reads the values of an array, but `check_classes`, and that on the CPU alone: on a GPU,
an op that reads a value waits until the device has computed it.
"""

import operator
from functools import cache
from typing import Any

from xpcnn.errors import (
    BackendError,
    ConfigError,
    DTypeError,
    LabelError,
    ShapeError,
    hint,
)
from xpcnn.ops.reference.conv_transpose import transposed_windows
from xpcnn.ops.reference.windows import Padding, Pair, Windows, pair, sides
from xpcnn.options import whole
from xpcnn.types import Array, namespace


@cache
def is_floating(xp: Any, dtype: Any) -> bool:
    """Whether a dtype of the library `xp` is a real floating-point one."""
    return bool(xp.isdtype(dtype, "real floating"))


def check_arrays(op: str, **arrays: Array | None) -> None:
    """Require arrays of one library and one floating dtype; the first is not None."""
    (first_name, first), *others = arrays.items()
    if first is None or not hasattr(first, "dtype"):
        raise BackendError(
            hint(
                f"{op}: {first_name} is a {type(first).__name__}, expected an array",
                "make an array of it first, e.g. numpy.asarray(..., dtype=numpy.float32)",
            )
        )
    if not is_floating(namespace(first), first.dtype):
        raise DTypeError(
            hint(
                f"{op}: {first_name} has dtype {dtype_name(first)}, expected float32 or float64",
                "convert images once to float32 (a Model does it for you)",
            )
        )
    for name, other in others:
        if other is None:
            continue
        check_library(op, first_name, first, name, other)
        if other.dtype != first.dtype:
            dtype, wanted = dtype_name(first), dtype_name(other)
            to_first = f"convert {name} to {dtype}"
            to_other = f"convert {first_name} to {wanted}"
            raise DTypeError(
                hint(
                    f"{op}: {first_name} has dtype {dtype} and {name} {wanted}, expected one dtype",
                    to_other if wanted == "float32" else to_first,
                )
            )


def check_library(op: str, first: str, x: Array, second: str, y: Array) -> None:
    """Require two arrays of one library."""
    if type(x) is not type(y) and not _share_library(x, y):
        raise BackendError(
            hint(
                f"{op}: {first} is a {kind(x)} and {second} a {kind(y)}",
                "move all to one library with Backend.from_host and Backend.to_host",
            )
        )


def _share_library(x: Array, y: Array) -> bool:
    """Whether arrays of two types are of one library, as PyTorch's tensors and parameters are.

    Matrices and masked arrays of NumPy compute otherwise than its arrays.
    """
    if any(kind(a) == "numpy.matrix" or hasattr(a, "mask") for a in (x, y)):
        return False
    try:
        return namespace(x) is namespace(y)
    except TypeError:  # y is no array
        return False


def kind(x: Any) -> str:
    """Return the name of an array's type with its library, such as `numpy.ndarray`."""
    return f"{type(x).__module__.partition('.')[0]}.{type(x).__name__}"


def dtype_name(x: Array) -> str:
    """Return the name of x's dtype without its library."""
    return str(x.dtype).rpartition(".")[2]


def check_rank(op: str, name: str, x: Array, *axes: str) -> None:
    """Require one of the given ranks, each written as its axes, such as "(n, c, h, w)"."""
    ranks = [len(text.strip("(,)").split(",")) for text in axes]  # "(n,)" has one
    if len(x.shape) not in ranks:
        expected = " or ".join(axes)
        advice = f"{name} with the axes {expected}"
        if axes[0].startswith("(n, ") and len(x.shape) + 1 in ranks:
            advice = f"{name}[None, ...], if this is a single sample"
        raise ShapeError(
            hint(f"{op}: {name} has shape {tuple(x.shape)}, expected {expected}", advice)
        )


def check_length(op: str, name: str, x: Array | None, length: int, why: str) -> None:
    """Require a vector of a given length, or None."""
    if x is not None and tuple(x.shape) != (length,):
        message = f"{op}: {name} has shape {tuple(x.shape)}, expected ({length},): {why}"
        raise ShapeError(hint(message, f"give {name} the shape ({length},)"))


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


def check_same_shape(op: str, first: str, x: Array, second: str, y: Array) -> None:
    """Require two arrays of one shape."""
    wanted, got = tuple(x.shape), tuple(y.shape)
    if wanted != got:
        message = f"{op}: {first} has shape {wanted} and {second} {got}, expected the same"
        raise ShapeError(hint(message, f"give {second} the shape {wanted}"))


def check_pixels(name: str, x: Array) -> None:
    """Require images of at least one pixel."""
    check_arrays(name, x=x)
    check_rank(name, "x", x, "(n, c, h, w)")
    if x.shape[2] * x.shape[3] == 0:
        raise ShapeError(
            hint(
                f"{name}: x has shape {tuple(x.shape)}, an image without pixels",
                "images of at least 1 x 1",
            )
        )


def check_classes(op: str, labels: Array, classes: int, ignored: int | None = None) -> None:
    """Require labels from 0 to classes - 1, or `ignored`: whole numbers (n,) on the CPU.

    Labels on other devices are not read, see the top of this file.
    """
    if str(getattr(labels, "device", None)) != "cpu" or labels.shape[0] == 0:
        return
    xp = namespace(labels)
    try:
        is_right = bool(xp.min(labels) >= 0) and bool(xp.max(labels) < classes)
    except RuntimeError:  # inside torch.func.vmap no value can be read
        return
    if is_right:
        return
    labels = xp.astype(labels, xp.int64)  # uint8 could not hold -100
    wrong = (labels < 0) | (labels >= classes)
    if ignored is not None:
        wrong &= labels != ignored
    (places,) = xp.nonzero(wrong)
    if places.shape[0]:
        first = int(places[0])
        message = f"{op}: {places.shape[0]} of {labels.shape[0]} labels lie outside "
        message += f"0..{classes - 1}, the first: labels[{first}] = {int(labels[first])}"
        raise LabelError(hint(message, "number the classes from 0, with one score for each"))


def check_groups(owner: str, groups: int, count: int, what: str = "channels") -> None:
    """Require a number of groups that divides the number of channels, or of `what`."""
    whole(owner, "groups", groups, 1, "groups=1, or more")
    if count % groups:
        message = f"{owner}: {count} {what} cannot be split into {groups} groups"
        raise ConfigError(hint(message, f"a number of groups that divides the number of {what}"))
