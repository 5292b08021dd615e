"""Batch normalisation as part of the filters before it, in C (fold.c): float32."""

from typing import Any

import numpy as np

from ..layout import Array
from ..recording import contiguous
from .shared_library import Call, serves, vector

FOLD = Call("fold_batch_norm", "ppppppoo fll")


def fold_batch_norm(
    w: Array,
    b: Array | None,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float = 1e-5,
) -> Any:
    """Scale the filters, and make the bias that goes with them."""
    if not serves(w):
        return NotImplemented
    given = [vector(a) for a in (b, gamma, beta, mean, var)]
    folded, shift = np.empty(w.shape, w.dtype), np.empty(len(w), w.dtype)
    FOLD(contiguous(w), *given, folded, shift, eps, len(w), w.size // len(w))
    return folded, shift
