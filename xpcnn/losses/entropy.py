"""The losses of classifiers: cross-entropy after softmax, and after sigmoid; focal loss."""

from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.losses.base import labels_and_weights, two_columns
from xpcnn.losses.weights import Weights, make_weights, targets_and_weights, weights_like
from xpcnn.options import FRACTION, NON_NEGATIVE, check
from xpcnn.types import Array, LossPullback, namespace


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """Softmax and cross-entropy, for one class of many: loss = -mean(log softmax(scores)[label]).

    Scores are (n, classes); labels integers (n,), or probabilities (n, classes).

    label_smoothing: share of the target, in [0, 1), that is distributed evenly over all classes.
    class_weights: how much a sample of each class counts, above 0: in the order of the classes, as
        {0: 5.0, 1: 1.0, ...}, or None for equal weights. "balanced" is n / (k * count) for n
        training samples of k classes, `count` of them in the class; the first `Model.fit` computes
        these, later ones keep them. The mean of integer labels is weighted by these; of
        probabilities, as mixing augmentations and sample weights make them, all is divided by n.
    ignore_index: integer label of samples that do not count in the loss.

    Backward: `help(xpcnn.ops.softmax_cross_entropy)`.

    Raises:
        ConfigError: a hyperparameter is out of range.
    """

    _: KW_ONLY
    label_smoothing: float = 0.0
    class_weights: Weights = None
    ignore_index: int = -100

    def __post_init__(self) -> None:
        check(self, label_smoothing=FRACTION)  # with 1, labels would have no effect
        make_weights(self, "class_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = labels_and_weights(scores, labels)
        smoothing = self.label_smoothing
        if weights is not None:  # linear in the probabilities, once they are smoothed
            labels = weights * ((1.0 - smoothing) * labels + smoothing / scores.shape[1])
            smoothing = 0.0
        loss, back = ops.softmax_cross_entropy(
            scores,
            labels,
            weights_like(scores, self, "class_weights"),
            label_smoothing=smoothing,
            ignore_index=self.ignore_index,
        )
        return loss, lambda dloss: back(dloss, (True, False, False))[0]

    def divisor(self, scores: Array, labels: Array) -> Array | None:
        """Return the sum D of the labels' weights that the loss divides by: a 0-d array.

        None where D is the number of samples. See `Loss`.
        """
        if labels.ndim > 1 or (self.class_weights is None and self.ignore_index < 0):
            return None
        xp = namespace(scores)
        is_kept = labels != self.ignore_index
        classes = xp.where(is_kept, labels, 0)
        counted = ops.one_hot(classes, outputs=scores.shape[1], dtype=scores.dtype)
        if (weights := weights_like(scores, self, "class_weights")) is not None:
            counted = counted * weights
        return xp.sum(xp.sum(counted, axis=1) * xp.astype(is_kept, scores.dtype))

    def probabilities(self, scores: Array) -> Array:
        """Return the softmax of scores (n, classes)."""
        return ops.softmax(scores)[0]

    def decide(self, scores: Array) -> Array:
        """Return the class with the largest score (n,), from scores (n, classes)."""
        return ops.most_probable(scores)


@dataclass(frozen=True)
class BCEWithLogits:
    """Sigmoid and binary cross-entropy, for independent yes/no scores.

        loss = mean(-p t log s - (1 - t) log(1 - s)), with targets t and s = sigmoid(scores)

    Targets are floats (n, outputs), or integer labels (n,): the target 1 for their class and 0 for
    the others; with a single score, the label itself, 1 or 0.

    positive_weights: p, how much a target of 1 counts, to weigh rare ones more: numbers above 0,
        one for each score or one for all, or None for 1. "balanced" is (n - count) / count for n
        training samples, `count` of them with target 1; the first `Model.fit` computes these,
        later ones keep them.
    class_weights: how much a sample of each class counts: a number above 0 for each class, in
        order; {0: 5.0, 1: 1.0, ...}; "balanced", computed by the first `Model.fit` as n / (k *
        count); or None for 1. See `MSE`.

    Backward: `help(xpcnn.ops.bce_with_logits)`.

    Raises:
        ConfigError: a weight is not above 0.
    """

    _: KW_ONLY
    positive_weights: Weights = None
    class_weights: Weights = None

    def __post_init__(self) -> None:
        make_weights(self, "positive_weights")
        make_weights(self, "class_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = targets_and_weights(self, scores, labels)
        positive = weights_like(scores, self, "positive_weights")
        loss, back = ops.bce_with_logits(scores, labels, weights, positive)
        return loss, lambda dloss: back(dloss, (True, False, False, False))[0]

    def probabilities(self, scores: Array) -> Array:
        """Return the sigmoid of scores (n, outputs); of one output, p, as (1 - p, p)."""
        return two_columns(ops.sigmoid(scores)[0])

    def decide(self, scores: Array) -> Array:
        """Return the class with the largest score (n,); for one output, whether it exceeds 0."""
        return ops.most_probable(scores, middle=0.0)


@dataclass(frozen=True)
class Focal(BCEWithLogits):
    """Binary cross-entropy in which confident right scores count less, for rare classes.

        loss = mean(-p t (1 - s)^gamma log s - (1 - t) s^gamma log(1 - s)),  s = sigmoid(scores)

    Labels and probabilities are those of `BCEWithLogits`.

    gamma: at least 0; the larger, the less confident scores count. 0 is `BCEWithLogits`.
    positive_weights: p, how much a target of 1 counts: numbers above 0, one for each score or one
        for all, "balanced" (see `BCEWithLogits`), or None for 1. The paper's alpha, which weighs
        targets of 1 by alpha and of 0 by 1 - alpha, is positive_weights of alpha / (1 - alpha).
    class_weights: how much a sample of each class counts, see `BCEWithLogits`.

    Backward and source: `help(xpcnn.ops.focal_with_logits)`.

    Raises:
        ConfigError: gamma is below 0, or a weight is not above 0.
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, gamma=NON_NEGATIVE)

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = targets_and_weights(self, scores, labels)
        positive = weights_like(scores, self, "positive_weights")
        loss, back = ops.focal_with_logits(scores, labels, weights, positive, gamma=self.gamma)
        return loss, lambda dloss: back(dloss, (True, False, False, False))[0]
