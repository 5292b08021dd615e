"""Losses: what training minimises, and how scores become probabilities and decisions.

`loss(scores, labels) -> (value, pullback)`: the value is a mean over the batch, and
`pullback(dvalue)` returns the gradient by the scores. Labels are integers (n,), or floats in the
shape of the scores: probabilities or targets. Floats with one more column, (n, outputs + 1), have
the weight w_i of each sample in the last: the loss is (1/n) sum_i w_i loss_i. Nothing here reads a
value on the host.
"""

from collections.abc import Callable, Mapping
from typing import Any

from xpcnn import options as _options
from xpcnn.habits import advised
from xpcnn.losses.base import Loss, targets, with_weights, without_weights
from xpcnn.losses.entropy import BCEWithLogits, SoftmaxCrossEntropy
from xpcnn.losses.outputs import balanced, check_weights, outputs_for
from xpcnn.losses.squares import MSE

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
