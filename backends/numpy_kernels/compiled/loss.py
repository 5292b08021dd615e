"""Losses in C (cross_entropy.c): softmax cross-entropy of labels that are classes, and binary
cross-entropy without weights: float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..elementwise import laid_out_as
from ..layout import Array
from ..recording import contiguous
from ..threads import sharing
from .shared_library import LONG, Call, serves

CROSS_ENTROPY = Call("cross_entropy", "ppppooo ll ll", "softmax_cross_entropy")
CROSS_ENTROPY_GRADIENT = Call("cross_entropy_gradient", CROSS_ENTROPY.kinds, CROSS_ENTROPY.op)
BINARY = Call("binary_cross_entropy", CROSS_ENTROPY.kinds, "bce_with_logits")
EXPONENTIAL = 32  # multiplications that take as long as the passes over one score
MANY = 256  # samples from which threads share them: their scores lie side by side in memory


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
    is_plain = class_weights is None and label_smoothing == 0 and not 0 <= ignore_index < classes
    if not serves(logits) or not is_plain or labels.dtype.kind not in "iu":
        return NotImplemented
    p, losses, loss = (np.empty(shape, logits.dtype) for shape in ((classes, n), n, ()))
    labels = contiguous(labels if labels.dtype == LONG else labels.astype(LONG))
    _, threads = sharing(n, EXPONENTIAL * logits.size)
    sizes = classes, n, 1, threads if n >= MANY else 1
    scores = contiguous(logits.T)
    if CROSS_ENTROPY(scores, None, None, labels, p, losses, loss, *sizes) is not None:
        return NotImplemented  # not all labels are classes

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None]:
        if wants is not None and not wants[0]:
            return None, None, None
        dlogits = np.empty_like(p)
        arrays = p, np.asarray(dy, loss.dtype), None, labels, dlogits, None, None
        CROSS_ENTROPY_GRADIENT(*arrays, *sizes)
        return dlogits.T, None, None

    return loss, pullback


def bce_with_logits(
    logits: Array,
    targets: Array,
    weights: Array | None = None,
    positive_weights: Array | None = None,
) -> Any:
    """Return the mean loss without weights."""
    if not serves(logits) or weights is not None or positive_weights is not None:
        return NotImplemented
    costs, loss = np.empty_like(logits), np.empty((), logits.dtype)
    x, targets = (laid_out_as(costs, a) for a in (logits, targets))
    sizes = 1, x.size, *sharing(x.size, EXPONENTIAL * x.size)
    BINARY(x, None, targets, None, None, costs, loss, *sizes)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None, None]:
        want_dlogits, want_dtargets = (wants or (True, True))[:2]
        dy, dlogits = np.asarray(dy, loss.dtype), None
        if want_dlogits:
            dlogits = np.empty_like(x)
            BINARY(x, dy, targets, None, dlogits, None, None, *sizes)
        return dlogits, -x * (dy / x.size) if want_dtargets else None, None, None

    return loss, pullback
