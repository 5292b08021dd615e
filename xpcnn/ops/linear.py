"""The dense product and changes of shape, with checks. Definition: `reference/linear.py`."""

import math

from xpcnn.errors import ShapeError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import check_arrays, check_length, check_rank
from xpcnn.ops.dispatch import op
from xpcnn.types import Array, Shape


def _check_dense(x: Array, w: Array, b: Array | None = None) -> None:
    check_arrays("dense", x=x, w=w, b=b)
    if len(x.shape) > 2:
        raise ShapeError(
            hint(
                f"dense: x has shape {tuple(x.shape)}, expected (n, features)",
                "flatten(x) first, in a network a Flatten() before the Dense layer",
            )
        )
    check_rank("dense", "x", x, "(n, features)")
    check_rank("dense", "w", w, "(in, out)")
    if x.shape[1] != w.shape[0]:
        raise ShapeError(
            hint(
                f"dense: x has {x.shape[1]} features, w expects {w.shape[0]}",
                f"x with {w.shape[0]} features, or weights made for {x.shape[1]}",
            )
        )
    check_length("dense", "b", b, w.shape[1], "one entry per output")


def _check_reshape(x: Array, *, shape: Shape) -> None:
    check_arrays("reshape", x=x)
    reshaped("reshape", tuple(x.shape[1:]), shape)


def reshaped(name: str, old: Shape, new: Shape) -> Shape:
    """Return `new`, the shape for a sample of shape `old`, with a number in place of -1."""
    check_shape(name, new)
    known = math.prod(tuple(length for length in new if length != -1))
    size = math.prod(old)
    unknown = new.count(-1)
    if (unknown and (known == 0 or size % known)) or (not unknown and size != known):
        raise ShapeError(
            hint(
                f"{name}: a sample of shape {old} ({size} elements) does not fit {new}",
                f"a shape of {size} elements, or -1 for one length that follows from the others",
            )
        )
    return tuple(size // known if length == -1 else length for length in new)


def check_shape(name: str, shape: Shape) -> None:
    """Require a tuple of lengths, of which one may be -1."""
    if not (
        isinstance(shape, tuple)
        and all(isinstance(length, int) and length >= -1 for length in shape)
        and shape.count(-1) <= 1
    ):
        raise ShapeError(
            hint(
                f"{name}: {shape!r} is not a shape: lengths, of which one may be -1",
                "a tuple of lengths such as (16, -1), all but one given",
            )
        )


def _check_flatten(x: Array) -> None:
    check_arrays("flatten", x=x)


dense = op(reference.dense, _check_dense, half=True)
reshape = op(reference.reshape, _check_reshape, half=True)
flatten = op(reference.flatten, _check_flatten, half=True)
