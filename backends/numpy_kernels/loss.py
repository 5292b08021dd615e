"""Softmax cross-entropy in few calls: on small batches a call costs more than its arithmetic."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .layout import Array


def softmax_cross_entropy(
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> Any:
    """Return the loss for whole-number labels that are classes; other cases are not served."""
    if not is_plain(logits, labels, class_weights, label_smoothing, ignore_index):
        return NotImplemented
    n = len(logits)
    chosen = (np.arange(n), labels)
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1, keepdims=True)
    loss = (np.log(total)[:, 0] - shifted[chosen]).sum() / n

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None]:
        if wants is not None and not wants[0]:
            return None, None, None
        dlogits = e / total
        dlogits[chosen] -= 1
        dlogits *= dy / n
        return dlogits, None, None

    return loss, pullback


def is_plain(
    logits: Array,
    labels: Array,
    class_weights: Array | None,
    label_smoothing: float,
    ignore_index: int,
) -> bool:
    """Whether labels are classes, none of which is weighted, smoothed or ignored."""
    n, classes = logits.shape
    plain = class_weights is None and label_smoothing == 0 and not 0 <= ignore_index < classes
    if not plain or labels.dtype.kind not in "iu" or n == 0:
        return False
    return bool(labels.min() >= 0 and labels.max() < classes)
