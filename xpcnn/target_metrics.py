"""Metrics of targets other than classes: several labels for each sample, or numbers.

Written against the array API, for arrays on the host or on a device. Functions that return Python
numbers wait for the device. n is the number of samples, k that of labels or targets.
"""

from xpcnn.errors import LabelError, hint
from xpcnn.types import Array, namespace


def per_label(
    probabilities: Array, labels: Array, thresholds: float | Array = 0.5
) -> dict[str, Array]:
    """Return accuracy, precision, recall, f1 (float64) and support (int64) of each label: (k,).

    Each label is a question of its own, answered yes where its probability reaches the threshold.

        precision = hits / predicted,  recall = hits / support,  f1 = 2·hits / (predicted + support)

    0 where the divisor is 0; hits are the samples that have the label and are predicted to.

    probabilities: of each label (n, k).
    labels: 0 and 1 (n, k), integers, booleans or floats.
    thresholds: one for all labels, or an array (k,).
    """
    xp = namespace(probabilities)
    is_yes, has = probabilities >= thresholds, labels != 0

    def count(x: Array) -> Array:
        return xp.astype(xp.sum(xp.astype(x, xp.int64), axis=0), xp.float64)

    hits, predicted, actual = count(is_yes & has), count(is_yes), count(has)
    one = xp.ones_like(hits)
    return {
        "accuracy": count(is_yes == has) / labels.shape[0],
        "precision": hits / xp.maximum(predicted, one),
        "recall": hits / xp.maximum(actual, one),
        "f1": 2.0 * hits / xp.maximum(predicted + actual, one),
        "support": xp.astype(actual, xp.int64),
    }


def average_precision(scores: Array, labels: Array) -> float:
    """Return the area under the curve of precision over recall, as a sum of steps.

    It is the mean, over the samples that have the label, of the precision among all samples whose
    score is at least theirs.

    scores: (n,), higher for class 1.
    labels: 0 and 1, (n,).

    Raises:
        LabelError: no sample has the label.
    """
    own, hits, predicted = _at_positives("average_precision", scores, labels)
    xp = namespace(own)
    return float(xp.mean(xp.astype(hits, xp.float64) / xp.astype(predicted, xp.float64)))


def best_threshold(scores: Array, labels: Array) -> float:
    """Return the threshold with the highest F1, where scores of at least the threshold mean yes.

    It is one of the scores; of equally good ones the lowest. Choose it on the validation part.

    scores: (n,), higher for class 1.
    labels: 0 and 1, (n,).

    Raises:
        LabelError: no sample has the label.
    """
    own, hits, predicted = _at_positives("best_threshold", scores, labels)
    xp = namespace(own)
    f1 = 2.0 * xp.astype(hits, xp.float64) / xp.astype(predicted + own.shape[0], xp.float64)
    return float(own[int(xp.argmax(f1))])


def _at_positives(name: str, scores: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Return the scores of the samples that have the label, in order, and for each of them how many
    samples with the label, and how many in all, have at least that score."""
    xp = namespace(scores)
    own, every = xp.sort(scores[labels == 1]), xp.sort(scores)
    if own.shape[0] == 0:
        message = f"{name}: no sample has the label"
        raise LabelError(hint(message, "evaluate on a set that has samples with every label"))
    hits = own.shape[0] - xp.searchsorted(own, own, side="left")
    return own, hits, every.shape[0] - xp.searchsorted(every, own, side="left")


def mean_absolute_error(values: Array, targets: Array) -> float:
    """Return MAE = mean |values - targets|, over samples and targets.

    values, targets: floats of the same shape, (n,) or (n, k).
    """
    xp = namespace(values)
    return float(xp.mean(xp.abs(values - targets)))


def root_mean_squared_error(values: Array, targets: Array) -> float:
    """Return RMSE = sqrt(mean (values - targets)^2), over samples and targets.

    values, targets: floats of the same shape, (n,) or (n, k).
    """
    xp = namespace(values)
    return float(xp.sqrt(xp.mean((values - targets) ** 2)))


def r2(values: Array, targets: Array) -> float:
    """Return the share of the targets' variance that is explained: the mean over targets of

        R² = 1 - Σ (value - target)² / Σ (target - mean)²

    1 is perfect, 0 as good as always the mean. Of targets that are all equal it is 1 where they
    are met, otherwise 0.

    values, targets: floats of the same shape, (n,) or (n, k).
    """
    xp = namespace(values)
    missed = xp.sum((values - targets) ** 2, axis=0)
    spread = xp.sum((targets - xp.mean(targets, axis=0)) ** 2, axis=0)
    # of equal targets, rounding may leave a spread above 0
    is_constant = xp.max(targets, axis=0) == xp.min(targets, axis=0)
    one, zero = xp.ones_like(missed), xp.zeros_like(missed)
    explained = 1.0 - missed / xp.where(is_constant, one, spread)
    return float(xp.mean(xp.where(is_constant, xp.where(missed == 0.0, one, zero), explained)))
