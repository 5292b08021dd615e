"""One training step: a function of arrays that never waits for the device.

`training_step` does, in this order:

    gradients   of each batch: forward, loss (times the loss scale of float16) and backward;
                then the sum over batches and processes
    update      division by the scale, l1, clipping, optimizer, average of the weights; where
                float16 overflowed, weights and averages stay as they were, and the scale shrinks

No value is read, printed or branched on inside; sums of loss and hits, and whether all was finite,
stay on the device until they are asked for. Processes that train together each compute their rows
of a batch, and sum gradients, loss and hits before the update.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from xpcnn import ops
from xpcnn.backend import direct
from xpcnn.batch_rows import Rows, shared_batch
from xpcnn.layers import Context
from xpcnn.optimizers.groups import layer_of
from xpcnn.process_group import Group
from xpcnn.training.loss_scale import kept_if, next_scale, unscaled
from xpcnn.training.progress import Progress, Weights
from xpcnn.training.recipe import Arrays, Recipe
from xpcnn.training.weight_average import averaged
from xpcnn.types import Array, Params, flatten, namespace, unflatten_like


def training_step(
    recipe: Recipe,
    progress: Progress,
    batches: Sequence[tuple[Array, Array]],
    first_pass: int,
    lr: Array,
    step: Array,
    rows: Sequence[Rows] = (),
) -> Progress:
    """Run forward and backward on each batch, and update once.

    Args:
        recipe: what is trained and how.
        progress: what the step before returned.
        batches: (normalised samples, labels); the gradient is that of the mean over all samples.
        first_pass: number of the first forward pass, from 1: what random numbers depend on.
        lr, step: learning rate and number of the update, 0-d arrays of the parameters' dtype.
        rows: of a group of processes, which rows of each whole batch the samples are.
    """
    progress, grads = gradients(recipe, progress, batches, first_pass, rows)
    return update(recipe, progress, grads, lr, step)


def gradients(
    recipe: Recipe,
    progress: Progress,
    batches: Sequence[tuple[Array, Array]],
    first_pass: int,
    rows: Sequence[Rows] = (),
) -> tuple[Progress, Arrays]:
    """Return the progress after the batches, before the update, and the gradients by path.

    The gradients are multiplied by the loss scale, where there is one. The next call may fill their
    arrays again.

    Those of a group are the ones of all its processes, the same in each.
    """
    rows = rows or [Rows(0, x.shape[0], x.shape[0]) for x, _ in batches]
    total = sum(part.total for part in rows)
    before, grads = progress, dict[str, Array]()
    if recipe.group.size > 1:
        progress = progress.with_zero_sums()
    for i, ((x, labels), part) in enumerate(zip(batches, rows, strict=True)):
        progress, own = _forward_backward(recipe, progress, x, labels, first_pass + i, part)
        if len(batches) > 1:
            weight = part.total / total
            own = {path: weight * g for path, g in own.items()}
        grads = {path: grads[path] + g for path, g in own.items()} if grads else own
    if recipe.group.size > 1:
        return _summed(recipe, before, progress, grads)
    return progress, grads


def _forward_backward(
    recipe: Recipe, progress: Progress, x: Array, labels: Array, forward_pass: int, rows: Rows
) -> tuple[Progress, Arrays]:
    """Run one batch forward and backward; return the new progress and its gradients.

    Of a group: the part that this process adds to loss, hits and gradients of the whole batch.
    """
    xp, is_alone = namespace(x), recipe.group.size == 1
    weight = xp.ones_like(progress.loss_sum)
    if not is_alone and not recipe.exchanges:
        weight = rows.weight * weight
    dloss = progress.scaling["scale"] * weight if progress.scaling else weight
    weights = progress.params, progress.buffers
    given = x, labels, xp.asarray(dloss), forward_pass, weights
    # of the recipe, what a pass depends on: others are recorded anew
    parts = recipe.layers, recipe.loss, recipe.task, recipe.frozen, recipe.source

    def run(*given: Any) -> Pass:
        return _pass(recipe, rows, *given[:-1])

    replay = direct if recipe.exchanges else recipe.replay
    grads, buffers, value, right, share = replay(run, rows, *given, parts)
    if not is_alone:
        weight = weight if share is None else share
        value = xp.where(weight == 0, 0.0, value) * weight  # NaN where all labels are ignored
        if rows.copies > 1 and recipe.group.rank > 0:
            right = xp.zeros_like(right)  # process 0 has counted these rows
    sums = progress.loss_sum, progress.hits, progress.finite
    loss_sum, hits, finite = ops.tally(*sums, value, right, samples=rows.total)
    after = progress._replace(
        buffers=_learnt(progress.buffers, buffers, recipe.frozen),
        loss_sum=loss_sum,
        hits=hits,
        finite=finite,
    )
    return after, flatten(grads)


Pass: TypeAlias = tuple[Params, Params, Array, Array, Array | None]
"""Gradients, buffers, mean loss and hits of a batch; its weight, if other processes say which."""


def _pass(
    recipe: Recipe,
    rows: Rows,
    x: Array,
    labels: Array,
    dloss: Array,
    forward_pass: int | Array,
    weights: Weights,
) -> Pass:
    """Run the network and the loss forward and backward, from the gradient of the loss."""
    (params, buffers), together, weight = weights, recipe.together, None
    shared = None if together is None else shared_batch(recipe.group, together, rows)
    ctx = Context(
        True,
        True,
        forward_pass,
        recipe.source,
        frozen=recipe.frozen,
        first_row=rows.first,
        shared=shared,
    )
    scores, new, back = recipe.layers.forward(params, buffers, x, ctx)
    value, loss_back = recipe.loss(scores, labels)
    right = recipe.task.hits(recipe.loss, scores, labels)
    if recipe.exchanges:
        weight = _weight(recipe, scores, labels, rows) * namespace(x).ones_like(value)
        dloss = weight * dloss
    _, grads = back(loss_back(dloss), want_dx=False)
    return grads, new, value, right, weight


def _weight(recipe: Recipe, scores: Array, labels: Array, rows: Rows) -> float | Array:
    """Return the weight of the mean loss of these rows in that of the whole batch."""
    divisor = getattr(recipe.loss, "divisor", lambda scores, labels: None)(scores, labels)
    if divisor is None:
        return rows.weight
    xp = namespace(scores)
    whole = recipe.group.sum(xp.stack([divisor]))[0]
    return divisor / whole


def _summed(
    recipe: Recipe, before: Progress, own: Progress, grads: Arrays
) -> tuple[Progress, Arrays]:
    """Return progress and gradients of all processes, by one sum of one flat array.

    It holds the gradients, loss and hits, and, where not all processes have the same statistics of
    the batch, the running ones, whose mean is kept. A loss that is not finite makes its sum so.
    """
    xp, group, together = namespace(own.loss_sum), recipe.group, recipe.together
    is_same = together is not None and together.size == group.size
    buffers = {} if is_same else flatten(own.buffers)
    hits = xp.astype(own.hits, own.loss_sum.dtype)  # exact below 2**24
    parts = [*grads.values(), *buffers.values(), own.loss_sum, hits]
    flat = group.sum(_flat(group, parts, own.loss_sum))
    sums, start = [], 0
    for part in parts:
        end = start + math.prod(part.shape)
        sums.append(xp.reshape(flat[start:end], part.shape))
        start = end
    *others, loss, hits = sums
    grads = dict(zip(grads, others, strict=False))
    means = [x / group.size for x in others[len(grads) :]]
    if buffers:
        mean = unflatten_like(own.buffers, dict(zip(buffers, means, strict=True)))
        own = own._replace(buffers=mean)
    return own._replace(
        loss_sum=before.loss_sum + loss,
        hits=before.hits + xp.astype(hits, before.hits.dtype),
        finite=xp.logical_and(before.finite, xp.isfinite(loss)),
    ), grads


def _flat(group: Group, parts: Sequence[Array], like: Array) -> Array:
    """Return arrays one after another as one flat array, in memory that the group lends if it does.

    like: an array of their dtype.
    """
    xp, sizes = namespace(like), [math.prod(part.shape) for part in parts]
    flat = group.lend(sum(sizes), like)
    if flat is None:
        return xp.concat([xp.reshape(part, (-1,)) for part in parts])
    start = 0
    for part, size in zip(parts, sizes, strict=True):
        xp.reshape(flat[start : start + size], part.shape)[...] = part  # a view
        start += size
    return flat


def update(recipe: Recipe, progress: Progress, grads: Arrays, lr: Array, step: Array) -> Progress:
    """Return the progress after an update by these gradients, as `gradients` returns them."""
    params, finite = flatten(progress.params), progress.finite
    grads = {path: grads[path] for path in recipe.parameter_groups.paths}
    scaling = progress.scaling
    if scaling:
        grads, good = unscaled(scaling, grads)
    if recipe.l1:
        grads = {path: _with_l1(recipe.l1, params[path], g) for path, g in grads.items()}
    if recipe.clip is not None:
        for g in grads.values():  # clipping can hide what is not finite
            xp = namespace(g)
            finite = xp.logical_and(finite, xp.all(xp.isfinite(g)))
        grads = recipe.clip(grads)
    groups, optimizer = recipe.parameter_groups, recipe.optimizer
    its = step - scaling["skipped"] if scaling else step
    new, state = groups.update(optimizer, params, grads, progress.state, lr, its)
    average = progress.average
    if recipe.averages:
        average = averaged(recipe, average, new, step)
    if scaling:
        new, average = kept_if(good, new, params), kept_if(good, average, progress.average)
        state = {name: kept_if(good, x, progress.state[name]) for name, x in state.items()}
        progress = progress._replace(scaling=next_scale(scaling, good))
    return progress._replace(
        params=unflatten_like(progress.params, new), state=state, average=average, finite=finite
    )


def _learnt(before: Params, after: Params, frozen: frozenset[str]) -> Params:
    """Return the new buffers, with the old ones of frozen layers."""
    if not frozen:
        return after
    old, new = flatten(before), flatten(after)
    kept = {path: old[path] if layer_of(path) in frozen else x for path, x in new.items()}
    return unflatten_like(after, kept)


def _with_l1(l1: float, p: Array, g: Array) -> Array:
    """Return g + λ·sign(p) for weights; biases, norms and PReLU slopes have rank 1 or less."""
    return g + l1 * namespace(p).sign(p) if p.ndim > 1 else g
