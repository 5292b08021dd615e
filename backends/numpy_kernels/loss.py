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
    n, classes = logits.shape
    if class_weights is not None or label_smoothing != 0 or 0 <= ignore_index < classes:
        return NotImplemented
    if labels.dtype.kind not in "iu" or n == 0 or labels.min() < 0 or labels.max() >= classes:
        return NotImplemented
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
