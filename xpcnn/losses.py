"""Losses: what training makes small, and how scores become probabilities and decisions.

`loss(scores, labels) -> (value, pullback)`, the value a mean over the batch, `pullback(dvalue)` the
cotangent of the scores. Labels are integers (n,), or floats of the shape of the scores:
probabilities or targets. Nothing here reads a value on the host.
"""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Protocol, TypeAlias

from xpcnn import ops
from xpcnn.errors import ConfigError, hint
from xpcnn.ops.checks import is_floating
from xpcnn.options import FINITE, FRACTION, check, number
from xpcnn.types import Array, namespace

ScoresPullback: TypeAlias = Callable[[Array], Array]


class Loss(Protocol):
    """What a Model needs of a loss."""

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, ScoresPullback]:
        """Return the loss, a 0-d array, and its pullback."""
        ...

    def probabilities(self, scores: Array) -> Array:
        """Return the probability of each class (n, classes)."""
        ...

    def decide(self, scores: Array) -> Array:
        """Return the most probable class (n,)."""
        ...


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """One class of many. Formulas: `ops/reference/loss.py`."""

    _: KW_ONLY
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    ignore_index: int = -100

    def __post_init__(self) -> None:
        check(self, label_smoothing=FRACTION)  # with 1, no label says anything
        _make_floats(self, "class_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, ScoresPullback]:
        loss, back = ops.softmax_cross_entropy(
            scores,
            labels,
            _like(scores, self.class_weights),
            label_smoothing=self.label_smoothing,
            ignore_index=self.ignore_index,
        )
        return loss, lambda dloss: back(dloss, (True, False, False))[0]

    def probabilities(self, scores: Array) -> Array:
        return ops.softmax(scores)[0]

    def decide(self, scores: Array) -> Array:
        return namespace(scores).argmax(scores, axis=1)


@dataclass(frozen=True)
class BCEWithLogits:
    """Yes or no for every score. Formulas: `ops/reference/loss.py`.

    Integer labels mean yes for one class and no for the others; with a single score, class 1 or 0.
    positive_weights: how much the yes of each score counts, to make up for rare ones.
    """

    _: KW_ONLY
    positive_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _make_floats(self, "positive_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, ScoresPullback]:
        weights = _like(scores, self.positive_weights)
        loss, back = ops.bce_with_logits(scores, targets(scores, labels), None, weights)
        return loss, lambda dloss: back(dloss, (True, False, False, False))[0]

    def probabilities(self, scores: Array) -> Array:
        return _two_columns(ops.sigmoid(scores)[0])

    def decide(self, scores: Array) -> Array:
        return _decide(scores, 0.0)


@dataclass(frozen=True)
class MSE:
    """Outputs close to targets. Formulas: `ops/reference/loss.py`.

    Integer labels mean the target 1 for their class and 0 for the others; with a single output,
    the label itself, 1 or 0. Outputs are read as probabilities as they are.
    """

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, ScoresPullback]:
        loss, back = ops.mse(scores, targets(scores, labels))
        return loss, lambda dloss: back(dloss, (True, False))[0]

    def probabilities(self, scores: Array) -> Array:
        return _two_columns(scores)

    def decide(self, scores: Array) -> Array:
        return _decide(scores, 0.5)


def targets(scores: Array, labels: Array) -> Array:
    """Return integer labels as floats like the scores (one-hot); float labels as they are."""
    xp = namespace(scores)
    if is_floating(xp, labels.dtype):
        return labels
    n, outputs = scores.shape
    column = xp.reshape(labels, (n, 1))
    if outputs == 1:
        return xp.astype(column, scores.dtype)
    classes = xp.arange(outputs, dtype=labels.dtype, device=labels.device)
    return xp.astype(column == classes, scores.dtype)


def _make_floats(loss: Loss, name: str) -> None:
    """Make the weights of a loss a tuple of Python floats, where it has any."""
    owner, weights = type(loss).__name__, getattr(loss, name)
    if weights is None:
        return
    advice = f"{owner}({name}=(1.0, 2.0)), one for each output"
    if isinstance(weights, str) or not isinstance(weights, Iterable):
        got = type(weights).__name__
        raise ConfigError(hint(f"{owner}: {name} is a {got}, expected a list of numbers", advice))
    floats = tuple(number(owner, name, weight, FINITE, advice) for weight in weights)
    object.__setattr__(loss, name, floats)


def _like(scores: Array, weights: tuple[float, ...] | None) -> Array | None:
    """Return weights as an array of the dtype and device of the scores."""
    if weights is None:
        return None
    return namespace(scores).asarray(list(weights), dtype=scores.dtype, device=scores.device)


def _two_columns(p: Array) -> Array:
    """Return the probabilities of both classes where there is one for class 1."""
    return namespace(p).concat([1.0 - p, p], axis=1) if p.shape[1] == 1 else p


def _decide(scores: Array, middle: float) -> Array:
    xp = namespace(scores)
    if scores.shape[1] == 1:
        return xp.astype(scores[:, 0] > middle, xp.int64)
    return xp.argmax(scores, axis=1)


def outputs_for(loss: Loss, classes: int) -> tuple[int, ...]:
    """Return the numbers of outputs that serve so many classes: two may share one output."""
    single = classes == 2 and not isinstance(loss, SoftmaxCrossEntropy)
    return (1, classes) if single else (classes,)


__all__ = ["MSE", "BCEWithLogits", "Loss", "SoftmaxCrossEntropy", "outputs_for", "targets"]
