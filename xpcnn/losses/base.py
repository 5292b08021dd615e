"""The type of a loss, and the forms of labels, probabilities and decisions."""

from typing import Protocol

from xpcnn import ops
from xpcnn.ops.checks import is_floating
from xpcnn.types import Array, LossPullback, namespace


class Loss(Protocol):
    """A loss: any object with these three methods can train a model.

    Training on several processes weights the mean of each process by its number of samples, and an
    evaluation that of each batch. A loss that divides by something else (by a sum of class weights,
    say) has a further method, `divisor(scores, labels)`, which returns that, a 0-d array; or None
    for the number of samples. Where it is 0, no sample counts, and the loss may be NaN.
    """

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        """Return the loss, a 0-d array of the scores' dtype, and its pullback.

        scores: output of the network (n, outputs).
        labels: integers (n,), or floats in the shape of the scores.
        """
        ...

    def probabilities(self, scores: Array) -> Array:
        """Return the probability of each class, (n, classes), from scores (n, outputs)."""
        ...

    def decide(self, scores: Array) -> Array:
        """Return the most probable class of each sample (n,), from scores (n, outputs)."""
        ...


def divides_by_samples(loss: Loss) -> bool:
    """Whether a loss divides by the number of samples, whatever the labels.

    loss: see `Loss.divisor`; those of xpcnn have it for class weights and an ignored index.
    """
    if not hasattr(loss, "divisor"):
        return True
    weights, ignored = (getattr(loss, name, None) for name in ("class_weights", "ignore_index"))
    return weights is None and ignored is not None and ignored < 0


def divisor_of(loss: Loss, scores: Array, labels: Array) -> Array | None:
    """Return what a loss divides by, 0-d; None for the number of samples. See `Loss`."""
    divisor = getattr(loss, "divisor", None)
    return divisor(scores, labels) if callable(divisor) else None


def targets(scores: Array, labels: Array) -> Array:
    """Return integer labels as one-hot floats in the shape of the scores; float labels unchanged.

    scores: (n, outputs).
    labels: integers (n,), or floats in the shape of the scores.
    """
    if is_floating(namespace(scores), labels.dtype):
        return labels
    return ops.one_hot(labels, outputs=scores.shape[1], dtype=scores.dtype)


def without_weights(labels: Array, outputs: int) -> tuple[Array, Array | None]:
    """Return labels without the column of sample weights, and that column (n, 1) or None.

    labels: integers (n,), or floats (n, outputs) or (n, outputs + 1).
    outputs: scores of the network for a sample.
    """
    if labels.ndim != 2 or labels.shape[1] != outputs + 1:
        return labels, None
    return labels[:, :outputs], labels[:, outputs:]


def labels_and_weights(scores: Array, labels: Array) -> tuple[Array, Array | None]:
    """Return labels and their column of sample weights, as `without_weights`.

    Scores of another shape than (n, outputs), which the elementwise losses take, have no weights.
    """
    return (labels, None) if scores.ndim != 2 else without_weights(labels, scores.shape[1])


def with_weights(labels: Array, weights: Array, outputs: int) -> Array:
    """Return labels with a further column of sample weights, as floats (n, outputs + 1).

    Args:
        labels: integers (n,), or targets (n, outputs).
        weights: how much each sample counts (n,), of the dtype that the network computes in.
        outputs: scores of the network for a sample.
    """
    xp = namespace(weights)
    if labels.ndim == 1:
        labels = ops.one_hot(labels, outputs=outputs, dtype=weights.dtype)
    return xp.concat([labels, xp.reshape(weights, (-1, 1))], axis=1)


def two_columns(p: Array) -> Array:
    """Return the probabilities of both classes if p has only that of class 1, otherwise p."""
    return namespace(p).concat([1.0 - p, p], axis=1) if p.shape[1] == 1 else p


class UnchangedScores:
    """The part of a loss whose probabilities are the scores, unchanged."""

    def probabilities(self, scores: Array) -> Array:
        """Return scores (n, outputs) unchanged; one output p as (1 - p, p)."""
        return two_columns(scores)

    def decide(self, scores: Array) -> Array:
        """Return the class with the largest score (n,); for one output, whether it exceeds 0.5."""
        return ops.most_probable(scores, middle=0.5)
