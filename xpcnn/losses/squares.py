"""Mean squared error, the usual loss of regression."""

from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.losses.base import UnchangedScores
from xpcnn.losses.weights import Weights, make_weights, targets_and_weights
from xpcnn.types import Array, LossPullback, namespace


@dataclass(frozen=True)
class MSE(UnchangedScores):
    """Mean squared error: loss = mean((scores - targets)^2), dscores = 2 (scores - targets) / N.

    Integer labels mean the target 1 for their class and 0 for the others; with a single output,
    the label itself, 1 or 0. Outputs are used as probabilities unchanged. N is the number of
    scores.

    class_weights: how much a sample of each class counts, above 0: in the order of the classes, as
        {0: 5.0, 1: 1.0, ...}, or None for equal weights. "balanced" is n / (k * count) for n
        training samples of k classes, `count` of them in the class; the first `Model.fit` computes
        these, later ones keep them. A sample's weight multiplies its part of the mean.

    Raises:
        ConfigError: a weight is not above 0.
    """

    _: KW_ONLY
    class_weights: Weights = None

    def __post_init__(self) -> None:
        make_weights(self, "class_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = targets_and_weights(self, scores, labels)
        if weights is None:
            loss, back = ops.mse(scores, labels)
            return loss, lambda dloss: back(dloss, (True, False))[0]
        root = namespace(weights).sqrt(weights)  # w (y - t)^2 = (sqrt(w) y - sqrt(w) t)^2
        loss, back = ops.mse(root * scores, root * labels)
        return loss, lambda dloss: root * back(dloss, (True, False))[0]
