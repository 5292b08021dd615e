"""Metrics of predictions: accuracy, confusion, precision and recall, AUC, calibration.

Written against the array API, for arrays on the host or on a device. Functions that return Python
numbers wait for the device. n is the number of samples, c the number of classes. Labels are
integers `(n,)` in [0, c), which is not checked; scores `(n, c)` are logits or probabilities.
"""

from xpcnn import ops
from xpcnn.errors import LabelError, hint
from xpcnn.types import Array, device, namespace


def correct(logits: Array, labels: Array) -> Array:
    """Return how many samples have their highest score at the label, without waiting for a device.

    logits: scores (n, c).
    labels: integers (n,).

    Returns:
        a 0-d int64 array on the device of the logits.
    """
    return ops.count_equal(ops.most_probable(logits), labels)


def accuracy(scores: Array, labels: Array) -> float:
    """Return the share of samples whose highest score is at the label.

    scores: (n, c).
    labels: integers (n,).
    """
    return float(int(correct(scores, labels)) / labels.shape[0])


def top_k(scores: Array, labels: Array, k: int = 5) -> float:
    """Return the share of samples whose label is among the k highest scores.

    Of equal scores the lower class ranks higher, so k = 1 is `accuracy`. A label whose score is NaN
    is never among the highest.

    scores: (n, c).
    labels: integers (n,).
    k: from 1 to c.
    """
    xp = namespace(scores)
    classes = xp.arange(scores.shape[1], dtype=xp.int64, device=device(scores))
    own = _of_label(scores, labels)[:, None]  # (n, 1)
    column = xp.astype(labels, xp.int64)[:, None]  # uint8 could not count more than 256 classes
    ahead = ~(scores <= own) | ((scores == own) & (classes < column))
    rank = xp.sum(xp.astype(ahead, xp.int64), axis=1)  # (n,)
    return float(int(xp.sum(xp.astype(rank < k, xp.int64))) / labels.shape[0])


def confusion_matrix(predicted: Array, labels: Array, classes: int) -> Array:
    """Return the number of samples by label and predicted class, (c, c), int64.

    Rows are labels, columns predicted classes.

    predicted, labels: integers (n,).
    classes: c.
    """
    xp = namespace(labels)
    cells = xp.arange(classes * classes, dtype=xp.int64, device=device(labels))
    cell = xp.astype(labels, xp.int64) * classes + xp.astype(predicted, xp.int64)  # (n,)
    found = xp.sort(cell)
    counts = xp.searchsorted(found, cells, side="right") - xp.searchsorted(found, cells)
    return xp.reshape(counts, (classes, classes))


def per_class(confusion: Array) -> dict[str, Array]:
    """Return precision, recall, f1 (float64) and support (int64), each (c,), of a confusion matrix.

        precision = hits / predicted,  recall = hits / support,  f1 = 2·hits / (predicted + support)

    0 where the divisor is 0.

    confusion: counts (c, c), as `confusion_matrix` returns them.
    """
    xp = namespace(confusion)
    support = xp.sum(confusion, axis=1)
    actual = xp.astype(support, xp.float64)
    predicted = xp.astype(xp.sum(confusion, axis=0), xp.float64)
    hits = xp.astype(xp.linalg.diagonal(confusion), xp.float64)
    # hits are 0 where a divisor is 0
    one = xp.ones_like(hits)
    return {
        "precision": hits / xp.maximum(predicted, one),
        "recall": hits / xp.maximum(actual, one),
        "f1": 2.0 * hits / xp.maximum(predicted + actual, one),
        "support": support,
    }


def auc(scores: Array, labels: Array) -> float:
    """Return the area under the ROC curve, exactly.

    It is the probability that a sample of class 1 has a higher score than a sample of class 0; ties
    count half. Source: Hanley and McNeil, 1982.

    scores: (n,), higher for class 1.
    labels: 0 and 1, (n,).

    Raises:
        LabelError: `labels` are all of one class.
    """
    xp = namespace(scores)
    positive = scores[labels == 1]
    negative = xp.sort(scores[labels == 0])
    if 0 in (positive.shape[0], negative.shape[0]):
        raise LabelError(
            hint(
                f"auc: needs samples of both classes, got {positive.shape[0]} of class 1 and "
                f"{negative.shape[0]} of class 0",
                "evaluate on a set that has both",
            )
        )
    below = xp.sum(xp.searchsorted(negative, positive, side="left"))
    not_above = xp.sum(xp.searchsorted(negative, positive, side="right"))
    return float(int(below + not_above) / (2 * positive.shape[0] * negative.shape[0]))


def log_loss(probabilities: Array, labels: Array) -> float:
    """Return -mean(log p[label]), with p at least the dtype's smallest normal number.

    probabilities: p, (n, c).
    labels: integers (n,).
    """
    xp = namespace(probabilities)
    p = _of_label(probabilities, labels)
    floor = xp.full_like(p, float(xp.finfo(p.dtype).smallest_normal))
    return -float(xp.mean(xp.log(xp.maximum(p, floor))))


def calibration_error(probabilities: Array, labels: Array, bins: int = 15) -> float:
    """Return the expected calibration error, ECE = Σ_b (n_b/n)·|accuracy_b - confidence_b|.

    The confidence of a sample is its highest probability; bin b has the samples whose confidence is
    in ((b - 1)/bins, b/bins]. Source: Guo et al., "On calibration of modern neural networks", 2017,
    equation 3.

    probabilities: (n, c).
    labels: integers (n,).
    bins: number of bins of equal width.
    """
    confidence, hit, bin_of = _in_bins(probabilities, labels, bins)
    gap = hit - confidence
    total = 0.0
    for b in range(1, bins + 1):
        total += abs(_sum_where(bin_of == b, gap))
    return float(total / labels.shape[0])


def reliability(
    probabilities: Array, labels: Array, bins: int = 15
) -> list[tuple[float | None, float | None, int]]:
    """Return (mean confidence, accuracy, number of samples) of each bin of `calibration_error`.

    The bins are in order; a bin without samples has (None, None, 0).

    probabilities: (n, c).
    labels: integers (n,).
    bins: number of bins of equal width.
    """
    xp = namespace(probabilities)
    confidence, hit, bin_of = _in_bins(probabilities, labels, bins)
    found: list[tuple[float | None, float | None, int]] = []
    for b in range(1, bins + 1):
        inside = bin_of == b
        count = int(xp.sum(xp.astype(inside, xp.int64)))
        if count:
            sure, right = _sum_where(inside, confidence), _sum_where(inside, hit)
            found.append((sure / count, right / count, count))
        else:
            found.append((None, None, 0))
    return found


def _in_bins(probabilities: Array, labels: Array, bins: int) -> tuple[Array, Array, Array]:
    """Return each sample's confidence, whether it is right (1.0 or 0.0), and its bin, from 1."""
    xp = namespace(probabilities)
    confidence = xp.max(probabilities, axis=1)
    hit = xp.astype(xp.argmax(probabilities, axis=1) == labels, confidence.dtype)
    return confidence, hit, xp.clip(xp.ceil(confidence * bins), 1.0, float(bins))


def _sum_where(inside: Array, x: Array) -> float:
    xp = namespace(x)
    return float(xp.sum(xp.where(inside, x, xp.zeros_like(x))))


def most_confused(confusion: Array, k: int = 10) -> list[tuple[int, int, int]]:
    """Return up to k pairs of classes with the most errors: (label, predicted class, count).

    confusion: counts (c, c), as `confusion_matrix` returns them.
    k: largest number of pairs; the most frequent is first.
    """
    c, _ = confusion.shape
    pairs = [
        (i, j, int(confusion[i, j]))
        for i in range(c)
        for j in range(c)
        if i != j and confusion[i, j]
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:k]


def worst(probabilities: Array, labels: Array, k: int = 10) -> Array:
    """Return the indices of the k samples with the lowest probability of their label, (k,).

    probabilities: (n, c).
    labels: integers (n,).
    k: number of indices; the lowest probability is first.
    """
    xp = namespace(probabilities)
    return xp.argsort(_of_label(probabilities, labels), stable=True)[:k]


def _of_label(scores: Array, labels: Array) -> Array:
    """Return each sample's score of its label, (n,)."""
    xp = namespace(scores)
    index = xp.astype(labels, xp.int64)[:, None]
    return xp.take_along_axis(scores, index, axis=1)[:, 0]
