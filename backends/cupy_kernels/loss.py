"""Softmax cross-entropy by `kernels/loss.cu`: one launch forward, one backward.

Many classes take two launches forward. Serves whole-number labels without class weights. Labels are
not read on the host.
"""

from collections.abc import Sequence
from typing import Any

import numpy

from .cuda import Array, Cuda, serves, struct, summing

FEW_CLASSES, FEW_ROWS = 32, 4096  # that one thread adds up, and one block; not measured
TARGET = numpy.dtype([("ignored", "i8"), ("hit", "f4"), ("smooth", "f4")])


def softmax_cross_entropy(
    cuda: Cuda,
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> Any:
    """Return the mean loss over the rows that are not ignored."""
    if not serves(logits) or class_weights is not None or labels.dtype.kind not in "iu":
        return NotImplemented
    n, classes = logits.shape
    if labels.dtype != numpy.int64:
        labels = labels.astype(numpy.int64)
    logits, labels = cuda.ordered(logits), cuda.ordered(labels)
    hit, smooth = 1.0 - label_smoothing, label_smoothing / classes
    target = struct(TARGET, ignore_index, hit, smooth)
    logs, loss, total = cuda.empty((2, n)), cuda.empty(()), cuda.empty(())
    width, rows = numpy.uint32(classes), numpy.uint32(n)
    given = logits, labels, target
    if classes <= FEW_CLASSES and n <= FEW_ROWS:
        whole = rows, width, *given, logs, loss, total
        cuda.blocks("loss.cu", "cross_entropy", (1,), summing(n), *whole)
    else:
        losses = cuda.empty((n,))
        each = width, *given, losses, logs
        cuda.blocks("loss.cu", "cross_entropy_rows", (n,), summing(classes), *each)
        mean = rows, losses, labels, target, loss, total
        cuda.blocks("loss.cu", "cross_entropy_mean", (1,), summing(n), *mean)

    def pullback(dy: Array, wants: Sequence[bool] | None = None) -> tuple[Array | None, None, None]:
        if wants is not None and not wants[0]:
            return None, None, None
        dlogits, dy = cuda.empty(logits.shape), cuda.scalar(dy)
        sizes = rows, width, *given
        cuda.each(
            "loss.cu", "cross_entropy_backward", dlogits.size, *sizes, logs, total, dy, dlogits
        )
        return dlogits, None, None

    return loss, pullback
