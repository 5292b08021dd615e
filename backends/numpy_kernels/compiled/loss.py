"""Losses in C: softmax cross-entropy of labels that are classes (cross_entropy.c), and binary
cross-entropy without weights, by the softplus and sigmoid of pointwise.c: float32."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..layout import Array, cotangent
from ..recording import contiguous, fill
from ..threads import sharing
from .pointwise import sigmoid, softplus
from .shared_library import Call, serves
from .tap_tables import LONG

CROSS_ENTROPY = Call("cross_entropy", "ppooo ll l", "softmax_cross_entropy")
CROSS_ENTROPY_GRADIENT = Call("cross_entropy_gradient", "pppo ll", "softmax_cross_entropy")
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
    is_plain = class_weights is None and label_smoothing == 0 and not 0 <= ignore_index < classes
    if not serves(logits) or not is_plain or labels.dtype.kind not in "iu":
        return NotImplemented
    p, losses, loss = (np.empty(shape, logits.dtype) for shape in ((classes, n), n, ()))
    labels = contiguous(labels if labels.dtype == LONG else labels.astype(LONG))
    _, threads = sharing(n, EXPONENTIAL * logits.size)
    scores = contiguous(logits.T)
    if CROSS_ENTROPY(scores, labels, p, losses, loss, classes, n, threads) is not None:
        return NotImplemented  # not all labels are classes

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None]:
        if wants is not None and not wants[0]:
            return None, None, None
        dlogits = np.empty_like(p)
        CROSS_ENTROPY_GRADIENT(p, labels, np.asarray(cotangent(dy, loss)), dlogits, classes, n)
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
    minus = fill(np.negative, np.empty_like(logits), logits)
    (cost_yes, _), (cost_no, _) = (softplus(x, threshold=math.inf) for x in (minus, logits))
    loss = fill(_mean_cost, np.empty((), logits.dtype), targets, cost_yes, cost_no)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None, None]:
        want_dlogits, want_dtargets = (wants or (True, True))[:2]
        dy, dlogits, dtargets = np.asarray(cotangent(dy, loss)), None, None
        if want_dlogits:
            (s, _), (s_minus, _) = sigmoid(logits), sigmoid(minus)
            dlogits = fill(_mixed, np.empty_like(logits), targets, s_minus, s, dy)
        if want_dtargets:
            dtargets = (cost_yes - cost_no) * (dy / logits.size)
        return dlogits, dtargets, None, None

    return loss, pullback


def _mean_cost(targets: Array, yes: Array, no: Array, *, out: Array) -> None:
    np.mean(targets * yes + (1.0 - targets) * no, out=out)


def _mixed(targets: Array, s_minus: Array, s: Array, dy: Array, *, out: Array) -> None:
    np.multiply((1.0 - targets) * s - targets * s_minus, dy / out.size, out=out)
