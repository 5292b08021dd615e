"""Losses of regression that large errors do not rule: absolute error, and Huber's."""

from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.losses.base import labels_and_weights, most_probable, targets, two_columns
from xpcnn.losses.weights import Weights, make_weights, with_class_weights
from xpcnn.options import POSITIVE, check
from xpcnn.types import Array, LossPullback


@dataclass(frozen=True)
class L1:
    """Mean absolute error: loss = mean(|scores - targets|), dscores = sign(scores - targets) / N.

    Labels and outputs as in `MSE`.

    class_weights: as in `MSE`.

    Backward: `help(xpcnn.ops.l1)`.

    Raises:
        ConfigError: a weight is not above 0.
    """

    _: KW_ONLY
    class_weights: Weights = None

    def __post_init__(self) -> None:
        make_weights(self, "class_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = labels_and_weights(scores, labels)
        labels = targets(scores, labels)
        loss, back = ops.l1(scores, labels, with_class_weights(self, labels, weights))
        return loss, lambda dloss: back(dloss, (True, False, False))[0]

    def probabilities(self, scores: Array) -> Array:
        return two_columns(scores)

    def decide(self, scores: Array) -> Array:
        return most_probable(scores, 0.5)


@dataclass(frozen=True)
class Huber:
    """Squares of errors up to delta, and a multiple of larger ones: the mean of

        (scores - targets)^2 / 2  up to |scores - targets| = delta, then delta (|...| - delta / 2)

    Labels and outputs as in `MSE`. Divided by delta it is the smooth L1 loss of other libraries.

    delta: above 0, in units of the targets.
    class_weights: as in `MSE`.

    Backward: `help(xpcnn.ops.huber)`.

    Raises:
        ConfigError: a hyperparameter is out of range.
    """

    _: KW_ONLY
    delta: float = 1.0
    class_weights: Weights = None

    def __post_init__(self) -> None:
        check(self, delta=POSITIVE)
        make_weights(self, "class_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = labels_and_weights(scores, labels)
        labels = targets(scores, labels)
        weights = with_class_weights(self, labels, weights)
        loss, back = ops.huber(scores, labels, weights, delta=self.delta)
        return loss, lambda dloss: back(dloss, (True, False, False))[0]

    def probabilities(self, scores: Array) -> Array:
        return two_columns(scores)

    def decide(self, scores: Array) -> Array:
        return most_probable(scores, 0.5)
