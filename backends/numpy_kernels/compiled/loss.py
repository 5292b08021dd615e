"""Softmax cross-entropy in C (cross_entropy.c): float32, labels that are classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import loss
from ..layout import Array
from ..threads import sharing
from .shared_library import Call, serves
from .tap_tables import LONG

CROSS_ENTROPY = Call("cross_entropy", "ppoo ll l", "softmax_cross_entropy")
EXPONENTIAL = 32  # multiplications that take as long as the passes over one score


def softmax_cross_entropy(
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> Any:
    """Return the mean loss for whole-number labels that are classes."""
    n, classes = logits.shape
    is_plain = loss.is_plain(logits, labels, class_weights, label_smoothing, ignore_index)
    if not serves(logits) or not is_plain:
        return NotImplemented
    p, losses = np.empty((classes, n), logits.dtype), np.empty(n, logits.dtype)
    scores, labels = np.ascontiguousarray(logits.T), np.ascontiguousarray(labels, LONG)
    _, threads = sharing(n, EXPONENTIAL * logits.size)
    CROSS_ENTROPY(scores, labels, p, losses, classes, n, threads)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None]:
        if wants is not None and not wants[0]:
            return None, None, None
        dlogits = p.copy()
        dlogits[labels, np.arange(n)] -= 1
        dlogits *= dy / n
        return dlogits.T, None, None

    return losses.sum() / n, pullback
