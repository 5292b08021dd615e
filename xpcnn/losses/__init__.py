"""Losses: what training minimises, and how scores become probabilities and decisions.

`loss(scores, labels) -> (value, pullback)`: the value is a mean over the batch, and
`pullback(dvalue)` returns the gradient of the scores. Labels are integers (n,), or floats in the
shape of the scores: probabilities or targets. Floats with one more column, (n, outputs + 1), have
the weight w_i of each sample in the last: the loss is (1/n) sum_i w_i loss_i. Nothing here reads a
value on the host. `make("cross-entropy", label_smoothing=0.1)` makes a loss by its name.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

from xpcnn.argument_advice import advised
from xpcnn.imported_names import missing_name
from xpcnn.losses.base import (
    Loss,
    divides_by_samples,
    targets,
    with_weights,
    without_weights,
)
from xpcnn.losses.distances import L1, Huber
from xpcnn.losses.entropy import BCEWithLogits, Focal, SoftmaxCrossEntropy
from xpcnn.losses.outputs import balanced, check_weights, outputs_for
from xpcnn.losses.squares import MSE
from xpcnn.options import maker

__all__ = [
    "BY_NAME",
    "L1",
    "MSE",
    "BCEWithLogits",
    "Focal",
    "Huber",
    "Loss",
    "SoftmaxCrossEntropy",
    "balanced",
    "check_weights",
    "divides_by_samples",
    "make",
    "outputs_for",
    "targets",
    "with_weights",
    "without_weights",
]

BY_NAME: Mapping[str, Callable[..., Loss]] = {
    "cross-entropy": SoftmaxCrossEntropy,
    "bce": BCEWithLogits,
    "focal": Focal,
    "mse": MSE,
    "l1": L1,
    "huber": Huber,
}

for _kind in BY_NAME.values():
    advised(_kind)

make = maker("loss", BY_NAME)

if not TYPE_CHECKING:  # to type checkers, unknown names are unknown

    def __getattr__(name: str) -> NoReturn:
        """Say which name stands for one of another library."""
        raise missing_name(__name__, name, __all__)
