"""Images read at other positions, with checks. Definitions: `reference/sampling.py`."""

from xpcnn.errors import ShapeError, hint
from xpcnn.ops.checks import check_arrays, check_rank, check_same_shape
from xpcnn.ops.dispatch import op
from xpcnn.ops.reference import sampling as reference
from xpcnn.ops.upsample import check_mode
from xpcnn.types import Array


def _check_bilinear(x: Array, rows: Array, columns: Array) -> None:
    check_arrays("bilinear", x=x, rows=rows, columns=columns)
    check_rank("bilinear", "x", x, "(n, c, h, w)")
    check_rank("bilinear", "rows", rows, "(ho, wo, n)")
    check_same_shape("bilinear", "rows", rows, "columns", columns)
    if rows.shape[2] != x.shape[0]:
        message = f"bilinear: rows has shape {tuple(rows.shape)}, expected (ho, wo, {x.shape[0]})"
        raise ShapeError(hint(message, "positions for every sample of x, along the last axis"))


def _check_affine(x: Array, maps: Array, *, mode: str = "bilinear") -> None:
    check_arrays("affine", x=x, maps=maps)
    check_rank("affine", "x", x, "(n, c, h, w)")
    check_mode("affine", mode)
    if tuple(maps.shape) != (x.shape[0], 6):
        message = f"affine: maps has shape {tuple(maps.shape)}, expected ({x.shape[0]}, 6)"
        raise ShapeError(hint(message, "m00, m01, m10, m11, o0, o1 for every sample of x"))


affine = op(reference.affine, _check_affine)
bilinear = op(reference.bilinear, _check_bilinear)
