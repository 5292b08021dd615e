"""Losses: what training minimises, and how scores become probabilities and decisions.

`loss(scores, labels) -> (value, pullback)`: the value is a mean over the batch, and
`pullback(dvalue)` returns the gradient by the scores. Labels are integers (n,), or floats in the
shape of the scores: probabilities or targets. Floats with one more column, (n, outputs + 1), have
the weight w_i of each sample in the last: the loss is (1/n) sum_i w_i loss_i. Nothing here reads a
value on the host.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

from xpcnn import ops
from xpcnn import options as _options
from xpcnn.errors import ConfigError, hint
from xpcnn.habits import advised
from xpcnn.ops.checks import is_floating
from xpcnn.options import FRACTION, POSITIVE, check, is_whole, number, shown
from xpcnn.types import Array, LossPullback, namespace, one_hot

Weights: TypeAlias = tuple[float, ...] | Mapping[int, float] | Literal["balanced"] | None
"""A number above 0 for each class, or "balanced": `Model.fit` computes them from its data."""


class Loss(Protocol):
    """A loss: any object with these three methods can train a model."""

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        """Return the loss, a 0-d array of the scores' dtype, and its pullback.

        scores: output of the network (n, outputs).
        labels: integers (n,), or floats in the shape of the scores.
        """
        ...

    def probabilities(self, scores: Array) -> Array:
        """Return the probability of each class (n, classes)."""
        ...

    def decide(self, scores: Array) -> Array:
        """Return the most probable class (n,)."""
        ...


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """Softmax and cross-entropy, for one class of many: loss = -mean(log softmax(scores)[label]).

    label_smoothing: share of the target, in [0, 1), that is distributed evenly over all classes.
    class_weights: how much a sample of each class counts, above 0: in the order of the classes, as
        {0: 5.0, 1: 1.0, ...}, or None for equal weights. "balanced" is n / (k * count) for n
        training samples of k classes, `count` of them in the class; the first `Model.fit` computes
        these, later ones keep them.
    ignore_index: label of samples that do not count.

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
        _make_weights(self, "class_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = without_weights(labels, scores.shape[1])
        smoothing = self.label_smoothing
        if weights is not None:  # linear in the probabilities, once they are smoothed
            labels = weights * ((1.0 - smoothing) * labels + smoothing / scores.shape[1])
            smoothing = 0.0
        loss, back = ops.softmax_cross_entropy(
            scores,
            labels,
            _like(scores, self, "class_weights"),
            label_smoothing=smoothing,
            ignore_index=self.ignore_index,
        )
        return loss, lambda dloss: back(dloss, (True, False, False))[0]

    def probabilities(self, scores: Array) -> Array:
        return ops.softmax(scores)[0]

    def decide(self, scores: Array) -> Array:
        return namespace(scores).argmax(scores, axis=1)


@dataclass(frozen=True)
class BCEWithLogits:
    """Sigmoid and binary cross-entropy, for independent yes/no scores.

        loss = mean(-p t log s - (1 - t) log(1 - s)), with targets t and s = sigmoid(scores)

    Integer labels mean the target 1 for their class and 0 for the others; with a single score, the
    label itself, 1 or 0.

    positive_weights: p, how much the yes of each score counts, to weigh rare ones more: numbers
        above 0, one for each score or one for all, or None for 1. "balanced" is (n - count) / count
        for n training samples, `count` of them a yes; the first `Model.fit` computes these, later
        ones keep them.

    Backward: `help(xpcnn.ops.bce_with_logits)`.

    Raises:
        ConfigError: a weight is not above 0.
    """

    _: KW_ONLY
    positive_weights: Weights = None

    def __post_init__(self) -> None:
        _make_weights(self, "positive_weights")

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = without_weights(labels, scores.shape[1])
        positive = _like(scores, self, "positive_weights")
        loss, back = ops.bce_with_logits(scores, targets(scores, labels), weights, positive)
        return loss, lambda dloss: back(dloss, (True, False, False, False))[0]

    def probabilities(self, scores: Array) -> Array:
        return _two_columns(ops.sigmoid(scores)[0])

    def decide(self, scores: Array) -> Array:
        return _decide(scores, 0.0)


@dataclass(frozen=True)
class MSE:
    """Mean squared error: loss = mean((scores - targets)^2), dscores = 2 (scores - targets) / N.

    Integer labels mean the target 1 for their class and 0 for the others; with a single output,
    the label itself, 1 or 0. Outputs count as probabilities without any change.
    """

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        labels, weights = without_weights(labels, scores.shape[1])
        if weights is None:
            loss, back = ops.mse(scores, targets(scores, labels))
            return loss, lambda dloss: back(dloss, (True, False))[0]
        root = namespace(weights).sqrt(weights)  # w (y - t)^2 = (sqrt(w) y - sqrt(w) t)^2
        loss, back = ops.mse(root * scores, root * labels)
        return loss, lambda dloss: root * back(dloss, (True, False))[0]

    def probabilities(self, scores: Array) -> Array:
        return _two_columns(scores)

    def decide(self, scores: Array) -> Array:
        return _decide(scores, 0.5)


def targets(scores: Array, labels: Array) -> Array:
    """Return integer labels as one-hot floats in the shape of the scores; float labels unchanged.

    scores: (n, outputs).
    labels: integers (n,), or floats in the shape of the scores.
    """
    if is_floating(namespace(scores), labels.dtype):
        return labels
    return one_hot(labels, scores.shape[1], scores.dtype)


def without_weights(labels: Array, outputs: int) -> tuple[Array, Array | None]:
    """Return labels without the column of sample weights, and that column (n, 1) or None.

    labels: integers (n,), or floats (n, outputs) or (n, outputs + 1).
    outputs: scores of the network for a sample.
    """
    if labels.ndim != 2 or labels.shape[1] != outputs + 1:
        return labels, None
    return labels[:, :outputs], labels[:, outputs:]


def with_weights(labels: Array, weights: Array, outputs: int) -> Array:
    """Return labels with a further column of sample weights, as floats (n, outputs + 1).

    Args:
        labels: integers (n,), or targets (n, outputs).
        weights: how much each sample counts (n,), of the dtype that the network computes in.
        outputs: scores of the network for a sample.
    """
    xp = namespace(weights)
    if labels.ndim == 1:
        labels = one_hot(labels, outputs, weights.dtype)
    return xp.concat([labels, xp.reshape(weights, (-1, 1))], axis=1)


def check_weights(loss: Loss, outputs: int) -> None:
    """Require as many weights in a loss as the network has outputs, or one positive weight for all.

    loss: any loss; those without weights pass.
    outputs: number of outputs of the network.

    Raises:
        ConfigError: there are more or fewer weights.
    """
    name = _weighted(loss)
    weights = getattr(loss, name) if name else None
    if not isinstance(weights, tuple):
        return
    serves_all = isinstance(loss, BCEWithLogits) and len(weights) == 1
    if len(weights) != outputs and not serves_all:
        message = f"{type(loss).__name__}: {len(weights)} {name} for {outputs} outputs"
        raise ConfigError(hint(message, f"{name} with {outputs} numbers, one for each output"))


def balanced(loss: Loss, counts: Sequence[int], outputs: int) -> Loss:
    """Return a loss with "balanced" weights replaced by numbers; any other loss unchanged.

    With n samples of k classes, class_weights are n / (k * count), and positive_weights
    (n - count) / count, or that of class 1 alone for one output.

    loss: any loss.
    counts: number of training samples of each class.
    outputs: number of outputs of the network.

    Raises:
        ConfigError: a class has no samples.
    """
    name = _weighted(loss)
    if not name or getattr(loss, name) != "balanced":
        return loss
    n, k = sum(counts), len(counts)
    if 0 in counts:
        message = f"{name}='balanced': class {counts.index(0)} has no training samples"
        raise ConfigError(hint(message, f"{name}=(1.0, 2.0, ...), a number for each class"))
    if isinstance(loss, SoftmaxCrossEntropy):
        return replace(loss, class_weights=tuple(n / (k * count) for count in counts))
    assert isinstance(loss, BCEWithLogits)
    positive = counts[1:] if outputs == 1 else counts
    return replace(loss, positive_weights=tuple((n - count) / count for count in positive))


def _weighted(loss: Loss) -> str:
    """Return the name of the field of weights of a loss; "" for a loss without one."""
    if isinstance(loss, SoftmaxCrossEntropy):
        return "class_weights"
    return "positive_weights" if isinstance(loss, BCEWithLogits) else ""


def _make_weights(loss: Loss, name: str) -> None:
    """Convert the weights of a loss to a tuple of floats above 0, unless "balanced" or None."""
    owner, weights = type(loss).__name__, getattr(loss, name)
    if weights is None or (isinstance(weights, str) and weights == "balanced"):
        return
    advice = f"{owner}({name}=(1.0, 2.0)), one for each output, or {name}='balanced'"
    if isinstance(weights, Mapping):
        weights = _in_order(owner, name, weights, advice)
    if isinstance(weights, str) or not isinstance(weights, Iterable):
        message = f"{owner}: {name} is {shown(weights)}, expected a list of numbers"
        raise ConfigError(hint(message, advice))
    floats = tuple(number(owner, name, weight, POSITIVE, advice) for weight in weights)
    object.__setattr__(loss, name, floats)


def _in_order(owner: str, name: str, weights: Mapping[Any, Any], advice: str) -> list[Any]:
    """Return the values of a mapping {0: ..., 1: ...} in the order of its keys.

    The keys may be texts, as in files.
    """
    by_class = {
        int(key) if is_whole(key) or str(key).isdecimal() else str(key): value
        for key, value in weights.items()
    }
    if not weights or set(by_class) != set(range(len(weights))):
        keys = ", ".join(map(repr, list(weights)[:5]))
        message = f"{owner}: {name} has the keys {keys}, expected the classes 0, 1, 2, ..., all"
        raise ConfigError(hint(message, advice))
    return [by_class[i] for i in range(len(by_class))]


def _like(scores: Array, loss: Loss, name: str) -> Array | None:
    """Return weights as an array of the dtype and device of the scores."""
    weights = getattr(loss, name)
    if weights is None:
        return None
    if weights == "balanced":
        message = f"{type(loss).__name__}: {name}='balanced' is computed by Model.fit"
        raise ConfigError(hint(message, "model.fit(...) first, or a number for each output"))
    return namespace(scores).asarray(list(weights), dtype=scores.dtype, device=scores.device)


def _two_columns(p: Array) -> Array:
    """Return the probabilities of both classes if p has only that of class 1, otherwise p."""
    return namespace(p).concat([1.0 - p, p], axis=1) if p.shape[1] == 1 else p


def _decide(scores: Array, middle: float) -> Array:
    xp = namespace(scores)
    if scores.shape[1] == 1:
        return xp.astype(scores[:, 0] > middle, xp.int64)
    return xp.argmax(scores, axis=1)


def outputs_for(loss: Loss, classes: int) -> tuple[int, ...]:
    """Return the numbers of outputs that a network may have: two classes may share one output.

    loss: SoftmaxCrossEntropy always needs one output per class.
    classes: number of classes.
    """
    single = classes == 2 and not isinstance(loss, SoftmaxCrossEntropy)
    return (1, classes) if single else (classes,)


BY_NAME: Mapping[str, Callable[..., Loss]] = {
    "cross-entropy": SoftmaxCrossEntropy,
    "bce": BCEWithLogits,
    "mse": MSE,
}

for _kind in BY_NAME.values():
    advised(_kind)


def make(name: str, **options: Any) -> Loss:
    """Return the loss called `name`: `make("cross-entropy", label_smoothing=0.1)`.

    name: a key of `BY_NAME`.
    options: the arguments of its class.

    Raises:
        ConfigError: an unknown name or option (the closest valid one is suggested), or a value that
            is not valid.
    """
    return _options.make("loss", BY_NAME, name, **options)


__all__ = [
    "BY_NAME",
    "MSE",
    "BCEWithLogits",
    "Loss",
    "SoftmaxCrossEntropy",
    "balanced",
    "check_weights",
    "make",
    "outputs_for",
    "targets",
    "with_weights",
    "without_weights",
]
