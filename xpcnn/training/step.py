"""One training step: a function of arrays that never waits for the device.

`training_step` does, in this order:

    gradients   of each batch: forward, loss (times the loss scale of float16) and backward;
                then the sum over batches and processes
    update      division by the scale, l1, clipping, optimizer, average of the weights; where
                float16 overflowed, weights and averages stay as they were, and the scale shrinks

`recipe.steps` may repeat the whole step: on NumPy from a recorded plan (plan.py in
numpy_kernels/compiled), on a GPU from a CUDA graph (graph.py in cupy_kernels). Where NumPy cannot
record the whole, `recipe.replay` may repeat forward, loss and backward. Then no layer's `forward`
is called.

No value is read, printed or branched on inside; sums of loss and hits, and whether all was finite,
stay on the device until they are asked for. Processes that train together each compute their rows
of a batch, and sum gradients, loss and hits before the update.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from xpcnn import ops
from xpcnn.backend import direct
from xpcnn.batch_rows import Rows, shared_batch
from xpcnn.layers import Context, Sequential
from xpcnn.losses.base import divisor_of
from xpcnn.losses.results import value_and_pullback
from xpcnn.optimizers.groups import layer_of
from xpcnn.training.group_sums import EarlySums, summed
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
        batches: of each (normalised samples, labels), or what `recipe.batch` makes them of; the
            gradient is that of the mean over all samples.
        first_pass: number of the first forward pass, from 1: what random numbers depend on.
        lr, step: learning rate and number of the update, 0-d arrays of the parameters' dtype.
        rows: of a group of processes, which rows of each whole batch the samples are.
    """

    def run(state: Any, batches: Any, first_pass: Any, lr: Array, step: Array) -> Any:
        before = Progress(*state[0], *state[1])
        between, grads = gradients(recipe, before, batches, first_pass, rows)
        after = update(recipe, between, grads, lr, step)
        return tuple(after[:2]), tuple(after[2:])  # the weights, which may be kept, apart

    steps = recipe.steps if recipe.group.size == 1 else direct
    state = tuple(progress[:2]), tuple(progress[2:])
    weights, others = steps(run, recipe, state, tuple(batches), first_pass, lr, step)
    return Progress(*weights, *others)


def gradients(
    recipe: Recipe,
    progress: Progress,
    batches: Sequence[tuple[Array, Array]],
    first_pass: int | Array,
    rows: Sequence[Rows] = (),
) -> tuple[Progress, Arrays]:
    """Return the progress after the batches, before the update, and the gradients by path.

    The gradients are multiplied by the loss scale, where there is one. The next call may fill their
    arrays again.

    Those of a group are the ones of all its processes, the same in each.
    """
    rows = rows or [Rows(0, b[0].shape[0], b[0].shape[0]) for b in batches]
    total = sum(part.total for part in rows)
    before, grads = progress, dict[str, Array]()
    if recipe.group.size > 1:
        progress = progress.with_zero_sums()
    early = None
    if recipe.group.overlaps and len(batches) == 1 and type(recipe.layers) is Sequential:
        early = EarlySums(recipe.group)
    for i, (batch, part) in enumerate(zip(batches, rows, strict=True)):
        forward_pass = first_pass + i if i else first_pass  # on a device, a sum is a launch
        x, labels = recipe.batch(batch, forward_pass)
        progress, own = _forward_backward(recipe, progress, x, labels, forward_pass, part, early)
        if len(batches) > 1:
            weight = part.total / total
            own = {path: weight * g for path, g in own.items()}
        grads = {path: grads[path] + g for path, g in own.items()} if grads else own
    if recipe.group.size > 1:
        sums = {} if early is None else early.finish()
        others = {path: g for path, g in grads.items() if path not in sums}
        progress, others = summed(recipe, before, progress, others)
        grads = {path: (sums | others)[path] for path in grads}
    return progress, grads


def _forward_backward(
    recipe: Recipe,
    progress: Progress,
    x: Array,
    labels: Array,
    forward_pass: int | Array,
    rows: Rows,
    early: EarlySums | None = None,
) -> tuple[Progress, Arrays]:
    """Run one batch forward and backward; return the new progress and its gradients.

    Of a group: the part that this process adds to loss, hits and gradients of the whole batch.
    early: gets the gradients as soon as they are there.
    """
    xp, is_alone = namespace(x), recipe.group.size == 1
    weight = xp.ones_like(progress.loss_sum) if recipe.dloss is None else recipe.dloss
    if not is_alone and not recipe.exchanges:
        weight = rows.weight * weight
    dloss = progress.scaling["scale"] * weight if progress.scaling else weight
    weights = progress.params, progress.buffers
    given = x, labels, xp.asarray(dloss), forward_pass, weights
    # what a pass depends on in the recipe: with another of these objects, it is recorded anew
    parts = recipe.layers, recipe.loss, recipe.task, recipe.frozen, recipe.source

    def run(*given: Any) -> Pass:
        return _pass(recipe, rows, early, *given[:-1])

    replay = direct if recipe.exchanges or early is not None else recipe.replay
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
"""Gradients, buffers, mean loss and hits of a batch; its weight in the whole batch, or None if that
is known without the other processes."""


def _pass(
    recipe: Recipe,
    rows: Rows,
    early: EarlySums | None,
    x: Array,
    labels: Array,
    dloss: Array,
    forward_pass: int | Array,
    weights: Weights,
) -> Pass:
    """Run the network and the loss forward and backward, from the gradient of the loss."""
    (params, buffers), norm_group, weight = weights, recipe.norm_group, None
    shared = None if norm_group is None else shared_batch(recipe.group, norm_group, rows)
    ctx = Context(
        True,
        True,
        forward_pass,
        recipe.source,
        frozen=recipe.frozen,
        first_row=rows.first,
        shared=shared,
        on_gradients=None if early is None else early.add,
        once=True,
    )
    scores, new, back = recipe.layers.forward(params, buffers, x, ctx)
    value, loss_back = value_and_pullback(recipe.loss, scores, labels)
    divisor, xp = divisor_of(recipe.loss, scores, labels), namespace(x)
    if divisor is not None:
        value = xp.where(divisor == 0, 0.0, value)  # NaN where the loss ignores all labels
    right = recipe.task.hits(recipe.loss, scores, labels)
    if recipe.exchanges:
        weight = _weight(recipe, divisor, rows) * xp.ones_like(value)
        dloss = weight * dloss
    _, grads = back(loss_back(dloss), want_dx=False)
    return grads, new, value, right, weight


def _weight(recipe: Recipe, divisor: Array | None, rows: Rows) -> float | Array:
    """Return the weight of the mean loss of these rows in that of the whole batch."""
    if divisor is None:
        return rows.weight
    xp = namespace(divisor)
    whole = recipe.group.sum(xp.stack([divisor]))[0]
    return divisor / xp.where(whole == 0, 1.0, whole)


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
    new, state = groups.update(optimizer, params, grads, progress.state, lr, its, step)
    average = progress.average
    if recipe.averages:
        average = averaged(recipe, average, new, step)
    if scaling:
        fresh = [new, average, *state.values()]
        before = [params, progress.average, *(progress.state[name] for name in state)]
        new, average, *kept = kept_if(good, fresh, before)
        state = dict(zip(state, kept, strict=True))
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
