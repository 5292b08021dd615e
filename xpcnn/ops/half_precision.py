"""Conversions and the loss scale, with checks. Definition: `reference/half_precision.py`."""

from typing import Any

from xpcnn.ops.dispatch import op
from xpcnn.ops.reference import half_precision as reference
from xpcnn.types import Array


def _check_arrays(*arrays: Array, **options: Any) -> None:
    """Check nothing: each step makes the arrays, and those of NumPy may be scalars."""


converted = op(reference.converted, _check_arrays, half=True)
unscaled = op(reference.unscaled, _check_arrays)
kept_if = op(reference.kept_if, _check_arrays)
next_scale = op(reference.next_scale, _check_arrays)
