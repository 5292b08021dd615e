"""Losses, with checks. Definition: `reference/cross_entropy.py`, `reference/regression_loss.py`."""

from collections.abc import Mapping

from xpcnn.errors import DTypeError, ShapeError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import (
    check_arrays,
    check_classes,
    check_length,
    check_library,
    check_rank,
    check_same_shape,
    dtype_name,
    is_floating,
)
from xpcnn.ops.dispatch import op
from xpcnn.options import CLOSED_FRACTION, NON_NEGATIVE, POSITIVE, number
from xpcnn.types import Array, Shape, namespace


def _check_softmax_cross_entropy(
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> None:
    name = "softmax_cross_entropy"
    if _is_whole(logits) and not _is_whole(labels):
        message = f"{name}: logits are whole numbers and labels are not"
        raise DTypeError(hint(message, f"{name}(scores, labels), the scores first"))
    check_arrays(name, logits=logits, class_weights=class_weights)
    check_rank(name, "logits", logits, "(n, classes)")
    n, classes = logits.shape
    if classes == 0:
        message = f"{name}: logits have shape {tuple(logits.shape)}, without any class"
        raise ShapeError(hint(message, "logits (n, classes), one score for each class"))
    check_library(name, "logits", logits, "labels", labels)
    if is_floating(namespace(labels), labels.dtype):
        check_arrays(name, logits=logits, labels=labels)
        if tuple(labels.shape) == (n,):
            message = f"{name}: labels are floats of shape ({n},); probabilities are (n, classes)"
            raise ShapeError(hint(message, "whole numbers for classes: labels.astype('int64')"))
        check_same_shape(name, "logits", logits, "probabilities in labels", labels)
    elif not namespace(labels).isdtype(labels.dtype, "integral"):
        raise DTypeError(
            hint(
                f"{name}: labels have dtype {dtype_name(labels)}, expected whole numbers, or "
                "floats to mean probabilities",
                "convert labels to int64",
            )
        )
    elif tuple(labels.shape) != (n,):
        raise ShapeError(
            hint(
                f"{name}: labels have shape {tuple(labels.shape)}, expected ({n},), one whole "
                "number per sample",
                "one-hot labels: give their argmax, or floats to mean probabilities",
            )
        )
    else:
        check_classes(name, labels, classes, ignore_index)
    check_length(name, "class_weights", class_weights, classes, "one weight per class")
    number(name, "label_smoothing", label_smoothing, CLOSED_FRACTION, "label_smoothing=0.1")


def _is_whole(x: Array) -> bool:
    dtype = getattr(x, "dtype", None)
    return dtype is not None and bool(namespace(x).isdtype(dtype, "integral"))


def _check_bce_with_logits(
    logits: Array,
    targets: Array,
    weights: Array | None = None,
    positive_weights: Array | None = None,
) -> None:
    given = {"weights": weights, "positive_weights": positive_weights}
    _check_weighted("bce_with_logits", {"logits": logits, "targets": targets}, given)


def _check_focal_with_logits(
    logits: Array,
    targets: Array,
    weights: Array | None = None,
    positive_weights: Array | None = None,
    *,
    gamma: float = 2.0,
) -> None:
    name, given = "focal_with_logits", {"weights": weights, "positive_weights": positive_weights}
    _check_weighted(name, {"logits": logits, "targets": targets}, given)
    number(name, "gamma", gamma, NON_NEGATIVE, "gamma=2.0")


def _check_l1(y: Array, targets: Array, weights: Array | None = None) -> None:
    _check_weighted("l1", {"y": y, "targets": targets}, {"weights": weights})


def _check_huber(
    y: Array, targets: Array, weights: Array | None = None, *, delta: float = 1.0
) -> None:
    _check_weighted("huber", {"y": y, "targets": targets}, {"weights": weights})
    number("huber", "delta", delta, POSITIVE, "delta=1.0")


def _check_weighted(
    name: str, pair: Mapping[str, Array], weights: Mapping[str, Array | None]
) -> None:
    """Require a pair of arrays of one shape, and weights that broadcast to it."""
    check_arrays(name, **pair, **weights)
    (first, x), (second, targets) = pair.items()
    shape = tuple(x.shape)
    check_same_shape(name, first, x, second, targets)
    for argument, x in weights.items():
        if x is not None and not _broadcasts(tuple(x.shape), shape):
            raise ShapeError(
                hint(
                    f"{name}: {argument} of shape {tuple(x.shape)} does not broadcast to {shape}",
                    f"{argument} of shape {shape}, or {shape[1:]} for one number per output",
                )
            )


def _broadcasts(shape: Shape, to: Shape) -> bool:
    """Whether an array of `shape` broadcasts to the shape `to`."""
    tail = to[len(to) - len(shape) :]
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(shape, tail, strict=True))


def _check_mse(y: Array, targets: Array) -> None:
    check_arrays("mse", y=y, targets=targets)
    check_same_shape("mse", "y", y, "targets", targets)


softmax_cross_entropy = op(reference.softmax_cross_entropy, _check_softmax_cross_entropy)
bce_with_logits = op(reference.bce_with_logits, _check_bce_with_logits)
focal_with_logits = op(reference.focal_with_logits, _check_focal_with_logits)
mse = op(reference.mse, _check_mse)
l1 = op(reference.l1, _check_l1)
huber = op(reference.huber, _check_huber)
