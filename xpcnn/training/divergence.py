"""The first tensor of an update that is not finite, found by running the update again.

A step by itself only notes on the device whether everything was finite. Where it was not, the run
repeats its updates from the last finite state, and checks every tensor of the one that fails.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xpcnn.batch_rows import Rows
from xpcnn.losses import Loss
from xpcnn.training.probe import watched
from xpcnn.training.progress import Progress, all_finite
from xpcnn.training.recipe import Arrays, Recipe
from xpcnn.training.step import gradients, training_step, update
from xpcnn.training.updates import Update
from xpcnn.types import Array, LossPullback, flatten, namespace


class _FoundError(Exception):
    """The tensor is found, in words."""


def first_failing(
    recipe: Recipe, progress: Progress, updates: Iterable[Update]
) -> tuple[str, Progress, Update] | None:
    """Repeat updates up to the first that leaves something not finite.

    Returns:
        in words the first tensor that is not finite, the progress before the update, and the
        update; None if no update fails.
    """
    for one in updates:
        after = training_step(recipe, progress, *one)
        if not bool(all_finite(after)):
            what = first_not_finite(recipe, progress, *one)
            if what is not None:
                return what, progress, one
        progress = after
    return None


def first_not_finite(
    recipe: Recipe,
    progress: Progress,
    batches: Sequence[tuple[Array, Array]],
    first_pass: int,
    lr: Array,
    step: Array,
    rows: Sequence[Rows] = (),
) -> str | None:
    """Return in words the first tensor of a step that is not finite; None if all are.

    Arguments as in `training_step`.
    """

    def watch(kind: str, path: str, x: Array) -> None:
        _look(f"the {kind} of {path}", x)

    def clip(grads: Arrays) -> Arrays:
        for path, g in grads.items():
            watch("gradient", path, g)
        return grads if recipe.clip is None else recipe.clip(grads)

    layers, loss = watched(recipe.layers, watch), _Loss(recipe.loss)
    seen = recipe._replace(layers=layers, loss=loss, clip=clip)
    try:
        for x, _ in batches:
            _look("the batch", x)
        between, grads = gradients(seen, progress, batches, first_pass, rows)
        for path, x in flatten(between.buffers).items():
            _look(f"the running statistic {path}", x)
        after = update(seen, between, grads, lr, step)
        for quantity, memory in after.state.items():
            for path, x in memory.items():
                _look(f"the optimizer's {quantity} of {path}", x)
        for path, x in flatten(after.params).items():
            _look(f"the weight {path}", x)
        for path, x in after.average.items():
            _look(f"the average of {path}", x)
    except _FoundError as found:
        return str(found)
    return None


@dataclass(frozen=True)
class _Loss:
    """A loss whose value is looked at."""

    loss: Loss

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, LossPullback]:
        value, back = self.loss(scores, labels)
        _look("the loss", value)
        return value, back

    def probabilities(self, scores: Array) -> Array:
        return self.loss.probabilities(scores)

    def decide(self, scores: Array) -> Array:
        return self.loss.decide(scores)


def _look(what: str, x: Array) -> None:
    """Require a finite array; reads from the device."""
    xp = namespace(x)
    bad = int(xp.sum(xp.astype(xp.logical_not(xp.isfinite(x)), xp.int64)))
    if bad:
        size = math.prod(x.shape)
        count = f" ({bad:,} of {size:,} values)" if size > 1 else ""
        raise _FoundError(f"{what} is not finite{count}")
