"""Which tensor of a step was the first that was not finite: the step again, with a look at all.

A step by itself only notes on the device whether all was finite. When that turns out false, the run
goes back to where all was well and repeats its steps; this file looks into the one that fails.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xpcnn.losses import Loss, ScoresPullback
from xpcnn.training.probe import watched
from xpcnn.training.step import Arrays, Progress, Recipe, gradients, training_step, update
from xpcnn.training.updates import Update
from xpcnn.types import Array, flatten, namespace, unflatten_like


class _FoundError(Exception):
    """The tensor is found, in words."""


def all_finite(progress: Progress) -> Array:
    """Return whether all that a step left behind is finite: 0-d bool, on the device."""
    finite = progress.finite
    for x in arrays(progress).values():
        xp = namespace(x)
        finite = xp.logical_and(finite, xp.all(xp.isfinite(x)))
    return finite


def arrays(progress: Progress) -> Arrays:
    """Return all that a run keeps from step to step, by name: weights, buffers, memory, average."""
    state = {
        f"{quantity}.{path}": x
        for quantity, group in progress.state.items()
        for path, x in group.items()
    }
    return {
        **{f"params.{path}": x for path, x in flatten(progress.params).items()},
        **{f"buffers.{path}": x for path, x in flatten(progress.buffers).items()},
        **{f"state.{name}": x for name, x in state.items()},
        **{f"average.{path}": x for path, x in progress.average.items()},
    }


def with_arrays(fresh: Progress, named: Arrays) -> Progress:
    """Return a progress with its arrays replaced by those of `named`, the inverse of `arrays`."""
    return fresh._replace(
        params=unflatten_like(fresh.params, named, "params."),
        buffers=unflatten_like(fresh.buffers, named, "buffers."),
        state={
            quantity: {path: named[f"state.{quantity}.{path}"] for path in group}
            for quantity, group in fresh.state.items()
        },
        average={path: named[f"average.{path}"] for path in fresh.average},
    )


def first_failing(
    recipe: Recipe, progress: Progress, updates: Iterable[Update]
) -> tuple[str, Progress, Update] | None:
    """Repeat updates up to the first that leaves something not finite.

    Returns:
        its first tensor that is not, in words, the state before it, and the update; None if none
        fails.
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
    number: int,
    lr: Array,
    step: Array,
) -> str | None:
    """Return in words the first tensor of a step that is not finite; None if all are.

    Arguments as of `training_step`: the state is the one before the step.
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
        between, grads = gradients(seen, progress, batches, number)
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

    def __call__(self, scores: Array, labels: Array) -> tuple[Array, ScoresPullback]:
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
