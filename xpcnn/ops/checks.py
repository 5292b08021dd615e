"""Checks of the arrays that are given to ops: library, dtype, shape, labels.

Nothing here reads the values of an array, but `check_classes`, and that on the CPU alone: on a GPU,
an op that reads a value waits until the device has computed it.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from xpcnn.errors import (
    BackendError,
    DTypeError,
    LabelError,
    ShapeError,
    counted,
    hint,
    kind,
)
from xpcnn.types import Array, Shape, namespace


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


def check_unmasked(op: str, name: str, x: Any) -> None:
    """Reject NumPy's masked arrays, of which an op would take the masked values for all others."""
    if hasattr(type(x), "mask"):
        message = f"{op}: {name} is a masked array, whose mask would be ignored"
        raise DTypeError(hint(message, f"{name}.filled(value)"))


def check_library(op: str, first: str, x: Array, second: str, y: Array) -> None:
    """Require two arrays of one library; of NumPy, both plain arrays."""
    if type(x) is type(y):
        return
    advice = "move all to one library with Backend.from_host and Backend.to_host"
    xp = _library(x)
    if xp is not None and xp is _library(y):
        if xp.__name__ != "numpy":  # PyTorch's tensors and parameters, JAX's tracers
            return
        advice = " and ".join(
            f"{name}.filled(value)" if hasattr(a, "mask") else f"numpy.asarray({name})"
            for name, a in ((first, x), (second, y))
            if type(a) is not xp.ndarray
        )
    raise BackendError(hint(f"{op}: {first} is a {kind(x)} and {second} a {kind(y)}", advice))


def _library(x: Any) -> Any:
    """Return the namespace of an array, None for what is no array."""
    try:
        return namespace(x)
    except TypeError:
        return None


def dtype_name(x: Array) -> str:
    """Return the name of x's dtype without its library."""
    return str(x.dtype).rpartition(".")[2]


def check_wants(op: str, wants: Any, names: Sequence[str]) -> None:
    """Require one switch for each of the array arguments called `names`.

    Raises:
        ShapeError: `wants` has another length, or none.
    """
    count = len(wants) if isinstance(wants, Sequence) else None
    if count != len(names):
        given = repr(wants) if count is None else counted(count, "value")
        expected = f"{len(names)}, one for each of {', '.join(names)}"
        message = f"{op}: the pullback got wants with {given}, expected {expected}"
        if count is None:
            message = f"{op}: the pullback got wants={given}, expected a tuple of {expected}"
        advice = "wants=None for all gradients, or "
        raise ShapeError(hint(message, advice + f"wants={(True,) + (False,) * (len(names) - 1)}"))


def check_dy(op: str, dy: Any, xp: Any, kind_of_y: type, dtype: Any, shape: Shape) -> None:
    """Require the gradient of an output y of one library `xp`, in its dtype and shape.

    A Python number will do for a y that is one number.
    """
    of_y = "that of the output y"
    if not hasattr(dy, "dtype"):
        is_number = isinstance(dy, int | float)
        if is_number and shape == ():
            return
        if not is_number:
            message = f"{op}: the pullback got dy, a {type(dy).__name__}, expected an array"
            raise BackendError(hint(message, "an array like the output y"))
    elif type(dy) is not kind_of_y and _library(dy) is not xp:
        message = f"{op}: the pullback got dy, a {kind(dy)}, expected one of the library of the "
        message += f"output y, {xp.__name__.rpartition('.')[2]}"
        advice = "move it there with Backend.to_host and Backend.from_host"
        raise BackendError(hint(message, advice))
    elif xp.__name__ == "numpy" and type(dy) is not xp.ndarray and not isinstance(dy, xp.generic):
        message = f"{op}: the pullback got dy, a {kind(dy)}, expected a numpy.ndarray"
        raise BackendError(hint(message, "numpy.asarray(dy)"))
    given = tuple(getattr(dy, "shape", ()))  # a Python number has none
    if given != shape:
        message = f"{op}: the pullback got dy of shape {given}, expected {shape}, "
        advice = "one element of dy for each of y"
        raise ShapeError(hint(message + of_y, advice))
    if dy.dtype != dtype:
        wanted = str(dtype).rpartition(".")[2]
        message = f"{op}: the pullback got dy of dtype {dtype_name(dy)}, expected {wanted}, {of_y}"
        advice = f"convert dy to {wanted}; Python numbers as constants, not NumPy's float64"
        raise DTypeError(hint(message, advice))


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
    try:  # methods of NumPy and PyTorch, a third of the time of the functions
        is_right = bool(labels.min() >= 0) and bool(labels.max() < classes)
    except RuntimeError:  # inside torch.func.vmap no value can be read
        return
    if is_right:
        return
    xp = namespace(labels)
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
