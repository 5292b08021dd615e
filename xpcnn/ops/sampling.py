"""Images read at other positions, with checks. Definitions: `reference/sampling.py`."""

from xpcnn.errors import ConfigError, ShapeError, hint
from xpcnn.ops.checks import check_arrays, check_rank, check_same_shape
from xpcnn.ops.dispatch import op
from xpcnn.ops.reference import sampling as reference
from xpcnn.types import Array


def _check_bilinear(x: Array, rows: Array, columns: Array) -> None:
    check_arrays("bilinear", x=x, rows=rows, columns=columns)
    check_rank("bilinear", "x", x, "(n, c, h, w)")
    check_rank("bilinear", "rows", rows, "(ho, wo, n)")
    check_same_shape("bilinear", "rows", rows, "columns", columns)
    if rows.shape[2] != x.shape[0]:
        message = f"bilinear: rows has shape {tuple(rows.shape)}, expected (ho, wo, {x.shape[0]})"
        raise ShapeError(hint(message, "positions for every sample of x, along the last axis"))


def _check_affine(x: Array, maps: Array) -> None:
    check_arrays("affine", x=x, maps=maps)
    check_rank("affine", "x", x, "(n, c, h, w)")
    if tuple(maps.shape) != (x.shape[0], 6):
        message = f"affine: maps has shape {tuple(maps.shape)}, expected ({x.shape[0]}, 6)"
        raise ShapeError(hint(message, "m00, m01, m10, m11, o0, o1 for every sample of x"))


def _check_mirrored(x: Array, chosen: Array, *, axis: int = 3) -> None:
    check_arrays("mirrored", x=x, chosen=chosen)
    check_rank("mirrored", "x", x, "(n, c, h, w)")
    if axis not in (2, 3):
        raise ConfigError(hint(f"mirrored: axis is {axis!r}, expected 2 or 3", "axis=3"))
    if tuple(chosen.shape) != (x.shape[0],):
        message = f"mirrored: chosen has shape {tuple(chosen.shape)}, expected ({x.shape[0]},)"
        raise ShapeError(hint(message, "one number for every sample of x"))


def _check_shifted(x: Array, shifts: Array) -> None:
    check_arrays("shifted", x=x, shifts=shifts)
    check_rank("shifted", "x", x, "(n, c, h, w)")
    if tuple(shifts.shape) != (x.shape[0], 2):
        message = f"shifted: shifts has shape {tuple(shifts.shape)}, expected ({x.shape[0]}, 2)"
        raise ShapeError(hint(message, "rows and columns for every sample of x"))


affine = op(reference.affine, _check_affine)
bilinear = op(reference.bilinear, _check_bilinear)
mirrored = op(reference.mirrored, _check_mirrored)
shifted = op(reference.shifted, _check_shifted)
