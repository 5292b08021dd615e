"""Measures the health of a network in training by one probed step, whose result is discarded.

A step is a pure function, so the training does not change. It reads from the device: call it
seldom.
"""

import math

import numpy

from xpcnn.losses import BCEWithLogits, Loss, SoftmaxCrossEntropy
from xpcnn.network import Network
from xpcnn.tasks import class_labels
from xpcnn.training.health import Figures
from xpcnn.training.loss_scale import is_skipped
from xpcnn.training.probe import watched
from xpcnn.training.progress import Progress
from xpcnn.training.recipe import Recipe
from xpcnn.training.step import training_step
from xpcnn.training.updates import Update
from xpcnn.types import Array, flatten, is_half, namespace

_ENDS = {"Sigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0)}
_NEAR = 0.01
"""An output is saturated within this part of its range from an end, where the derivative is below 4
% of its maximum."""


@numpy.errstate(all="ignore")  # steps that are too large are measured too
def measured(
    network: Network, recipe: Recipe, progress: Progress, update: Update, labels: Array
) -> Figures:
    """Return figures of the network from the first batch of an update.

    The step has the optimizer's own learning rate, without schedule and warm-up.

    labels: of all training samples, for the number of classes.
    """
    seen = _Seen()
    to_device, to_host = network.backend.from_host, network.backend.to_host
    x, own = update.batches[0]
    after = training_step(
        recipe._replace(layers=watched(recipe.layers, seen)),
        progress.with_zero_sums(),
        [(x, own)],
        update.first_pass,
        to_device(numpy.asarray(recipe.optimizer.lr, network.dtype)),
        update.step,
    )
    before, new = flatten(progress.params), flatten(after.params)
    skipped = is_skipped(progress.scaling, after.scaling)
    ratios, equal = {}, []
    for path in recipe.parameter_groups.paths:
        w = before[path]
        if w.ndim > 1:
            norm, length = float(_norm(w)), float(_norm(new[path] - w))
            if norm > 0.0 and not skipped:
                ratios[seen.of_layer(path)] = length / norm
            if math.prod(w.shape) > 1 and float(namespace(w).max(w) - namespace(w).min(w)) == 0.0:
                equal.append(seen.of_layer(path))
    decided: tuple[int, ...] = ()
    labelled: tuple[int, ...] = ()
    present = None
    outputs = network.output_shape[0]
    if network.task.name == "classification":
        classes = max(2, outputs)
        decided = _counts(to_host(recipe.loss.decide(seen.scores)), classes)
        labelled = _counts(to_host(class_labels(own, outputs)), classes)
        present = len(numpy.unique(to_host(class_labels(labels, outputs))))
    return Figures(
        loss=float(after.loss_sum) / int(x.shape[0]),
        expected=expected_loss(network.loss, outputs),
        dead={where: (int(count), units) for where, (count, units) in seen.dead.items()},
        saturated={where: float(share) for where, share in seen.saturated.items()},
        gradients={where: float(norm) for where, norm in seen.gradients.items()},
        ratios=ratios,
        equal=equal,
        decided=decided,
        labelled=labelled,
        present=present,
        decay=recipe.optimizer.lr * getattr(recipe.optimizer, "weight_decay", 0.0),
    )


def expected_loss(loss: Loss, outputs: int) -> float | None:
    """Return the loss at chance level: ln(classes), ln 2 for yes or no; None for other losses."""
    if isinstance(loss, SoftmaxCrossEntropy):
        return math.log(outputs)
    return math.log(2) if type(loss) is BCEWithLogits else None


class _Seen:
    """Collects figures of outputs and gradients, which stay on the device."""

    def __init__(self) -> None:
        self.scores: Array = None
        self.layers: dict[str, str] = {}  # by path, with the type
        self.dead: dict[str, tuple[Array, int]] = {}
        self.saturated: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}

    def __call__(self, kind: str, where: str, x: Array) -> None:
        xp = namespace(x)
        if is_half(x.dtype):  # in which a sum of squares overflows
            x = xp.astype(x, xp.float32)
        if kind == "gradient":
            if where.startswith("the input of "):
                self.gradients[where] = _norm(x)
            return
        self.scores = x  # the last output is that of the network
        path, _, layer = where.rstrip(")").rpartition("(")
        self.layers[path.rstrip()] = where
        if layer in ("ReLU", "ReLU6"):
            others = tuple(axis for axis in range(x.ndim) if axis != 1)
            dead = xp.max(x, axis=others) <= 0.0
            self.dead[where] = xp.sum(xp.astype(dead, xp.int64)), x.shape[1]
        elif layer in _ENDS:
            low, high = _ENDS[layer]
            near = _NEAR * (high - low)
            ends = xp.logical_or(x < low + near, x > high - near)
            self.saturated[where] = xp.mean(xp.astype(ends, x.dtype))

    def of_layer(self, parameter: str) -> str:
        """Return in words a parameter and its layer, with the type of the layer if it is known."""
        path, _, name = parameter.rpartition(".")
        return f"the {name} of {self.layers.get(path, path)}"


def _norm(x: Array) -> Array:
    xp = namespace(x)
    return xp.sqrt(xp.sum(x * x))


def _counts(classes: numpy.ndarray, n: int) -> tuple[int, ...]:
    return tuple(map(int, numpy.bincount(classes, minlength=n)))
