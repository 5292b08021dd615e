"""Losses, with their checks. The meaning is in `reference/loss.py`."""

from xpcnn.errors import BackendError, ShapeError, hint
from xpcnn.ops import reference
from xpcnn.ops.checks import (
    check_arrays,
    check_fraction,
    check_length,
    check_rank,
    check_same_shape,
    is_floating,
    kind,
)
from xpcnn.ops.dispatch import op
from xpcnn.types import Array, namespace


def _check_softmax_cross_entropy(
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> None:
    name = "softmax_cross_entropy"
    check_arrays(name, logits=logits, class_weights=class_weights)
    check_rank(name, "logits", logits, "(n, classes)")
    n, classes = logits.shape
    if type(labels) is not type(logits):
        raise BackendError(f"{name}: logits is a {kind(logits)} and labels a {kind(labels)}")
    if is_floating(namespace(labels), labels.dtype):
        check_arrays(name, logits=logits, labels=labels)
        check_same_shape(name, "logits", logits, "probabilities in labels", labels)
    elif tuple(labels.shape) != (n,):
        raise ShapeError(
            hint(
                f"{name}: labels have shape {tuple(labels.shape)}, expected ({n},), one whole "
                "number per sample",
                "one-hot labels: give their argmax, or floats to mean probabilities",
            )
        )
    check_length(name, "class_weights", class_weights, classes, "one weight per class")
    check_fraction(name, "label_smoothing", label_smoothing, closed=True)


def _check_bce_with_logits(logits: Array, targets: Array) -> None:
    check_arrays("bce_with_logits", logits=logits, targets=targets)
    check_same_shape("bce_with_logits", "logits", logits, "targets", targets)


def _check_mse(y: Array, targets: Array) -> None:
    check_arrays("mse", y=y, targets=targets)
    check_same_shape("mse", "y", y, "targets", targets)


softmax_cross_entropy = op(reference.softmax_cross_entropy, _check_softmax_cross_entropy)
bce_with_logits = op(reference.bce_with_logits, _check_bce_with_logits)
mse = op(reference.mse, _check_mse)
