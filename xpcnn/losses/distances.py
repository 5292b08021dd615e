"""Losses of regression in which large errors count less than squared: absolute error, Huber's."""

from dataclasses import KW_ONLY, dataclass

from xpcnn import ops
from xpcnn.losses.base import UnchangedScores
from xpcnn.losses.weights import Weights, make_weights, targets_and_weights
from xpcnn.options import POSITIVE, check
from xpcnn.types import Array, LossPullback


@dataclass(frozen=True)
class L1(UnchangedScores):
    """Mean absolute error: loss = mean(|scores - targets|), dscores = sign(scores - targets) / N.

    N is the number of scores. Targets are floats (n, outputs), or integer labels (n,): the target 1
    for their class and 0 for the others; with a single output, the label itself, 1 or 0. Outputs
    are used as probabilities unchanged.

    class_weights: how much a sample of each class counts: a number above 0 for each class, in
        order; {0: 5.0, 1: 1.0, ...}; "balanced", computed by the first `Model.fit` as n / (k *
        count); or None for 1. See `MSE`.

    Raises:
        ConfigError: a weight is not above 0.
    """

    _: KW_ONLY
    class_weights: Weights = None

    def __post_init__(self) -> None:
        make_weights(self, "class_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = targets_and_weights(self, scores, labels)
        loss, back = ops.l1(scores, labels, weights)
        return loss, lambda dloss: back(dloss, (True, False, False))[0]


@dataclass(frozen=True)
class Huber(UnchangedScores):
    """Huber loss, quadratic in small errors d = scores - targets and linear in large ones.

        loss = mean(h(d))      h(d) = d^2 / 2 where |d| <= delta, otherwise delta (|d| - delta / 2)

    Divided by delta it is the smooth L1 loss of other libraries. Targets are floats (n, outputs),
    or integer labels (n,), as in `MSE`. Outputs are used as probabilities unchanged.

    delta: error beyond which the loss is linear, in the units of the targets; above 0.
    class_weights: how much a sample of each class counts: a number above 0 for each class, in
        order; {0: 5.0, 1: 1.0, ...}; "balanced", computed by the first `Model.fit` as n / (k *
        count); or None for 1. See `MSE`.

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
        labels, weights = targets_and_weights(self, scores, labels)
        loss, back = ops.huber(scores, labels, weights, delta=self.delta)
        return loss, lambda dloss: back(dloss, (True, False, False))[0]
