"""Classes of samples, and sums of an epoch, by NumPy calls that can be recorded: of any dtype."""

from typing import Any

import numpy as np

from .recording import Array, fill


def most_probable(scores: Array, *, middle: float | None = None) -> Any:
    """Return the classes with the largest scores."""
    classes = np.empty(len(scores), np.int64)
    if middle is not None and scores.shape[1] == 1:
        return fill(_exceeds, classes, scores, middle=middle)
    return fill(np.argmax, classes, scores, axis=1)


def one_hot(labels: Array, *, outputs: int, dtype: Any) -> Any:
    """Return labels as probabilities."""
    return fill(_equals, np.empty((len(labels), outputs), dtype), labels)


def count_equal(x: Array, other: Array) -> Any:
    """Count equal elements."""
    return fill(_counted, np.empty((), np.int64), x, other)


def tally(
    loss_sum: Array, hits: Array, finite: Array, loss: Array, right: Array, *, samples: int
) -> Any:
    """Add a batch to the sums."""
    new = [np.empty((), x.dtype) for x in (loss_sum, hits, finite)]
    fill(_added, new[0], loss_sum, loss, samples=samples)
    fill(np.add, new[1], hits, right)
    fill(_still, new[2], finite, loss)
    return tuple(new)


def _exceeds(scores: Array, *, middle: float, out: Array) -> None:
    np.greater(scores[:, 0], middle, out=out, casting="unsafe")


def _equals(labels: Array, *, out: Array) -> None:
    outputs = out.shape[1]
    out[...] = labels[:, None] if outputs == 1 else labels[:, None] == np.arange(outputs)


def _counted(x: Array, other: Array, *, out: Array) -> None:
    out[...] = np.count_nonzero(x == other)


def _added(loss_sum: Array, loss: Array, *, samples: int, out: Array) -> None:
    np.add(loss_sum, loss * samples, out=out)


def _still(finite: Array, loss: Array, *, out: Array) -> None:
    np.logical_and(finite, np.isfinite(loss), out=out)
