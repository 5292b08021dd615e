"""Weights of classes in a loss: numbers for each class, or "balanced"."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from xpcnn.errors import ConfigError, hint
from xpcnn.losses.base import Loss, labels_and_weights, targets
from xpcnn.options import POSITIVE, is_whole, number, shown
from xpcnn.types import Array, device, namespace

Weights: TypeAlias = tuple[float, ...] | Mapping[int, float] | Literal["balanced"] | None
"""A number above 0 for each class, or "balanced": `Model.fit` computes them from its data."""


def make_weights(loss: Loss, name: str) -> None:
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


def weights_like(scores: Array, loss: Loss, name: str) -> Array | None:
    """Return weights as an array of the dtype and device of the scores."""
    weights = getattr(loss, name)
    if weights is None:
        return None
    if weights == "balanced":
        message = f"{type(loss).__name__}: {name}='balanced' is computed by Model.fit"
        raise ConfigError(hint(message, "model.fit(...) first, or a number for each output"))
    return namespace(scores).asarray(list(weights), dtype=scores.dtype, device=device(scores))


def targets_and_weights(loss: Loss, scores: Array, labels: Array) -> tuple[Array, Array | None]:
    """Return targets in the shape of the scores, and the weights of samples (n, 1).

    The weights are those that come with the labels, times those of the classes; None where all are
    1. A sample of several classes, as after mixup, has the mean of their weights. One output is
    that of class 1 of two.
    """
    labels, weights = labels_and_weights(scores, labels)
    labels = targets(scores, labels)
    by_class = weights_like(labels, loss, "class_weights")
    if by_class is None:
        return labels, weights
    if labels.shape[1] == 1:
        own = by_class[0] + (by_class[1] - by_class[0]) * labels
    else:
        own = labels @ namespace(labels).reshape(by_class, (-1, 1))  # (n, 1)
    return labels, own if weights is None else own * weights
