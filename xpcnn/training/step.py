"""One training step: a function of arrays that never waits for the device.

No value is read, printed or branched on inside; sums of loss and hits, and whether all was finite,
stay on the device until somebody asks.
"""

from collections.abc import Sequence

from xpcnn.layers import Context
from xpcnn.losses import MSE, Loss, without_weights
from xpcnn.optimizers.groups import layer_of
from xpcnn.training.progress import Progress
from xpcnn.training.recipe import Arrays, Recipe
from xpcnn.types import Array, Params, flatten, namespace, unflatten_like


def training_step(
    recipe: Recipe,
    progress: Progress,
    batches: Sequence[tuple[Array, Array]],
    first_pass: int,
    lr: Array,
    step: Array,
) -> Progress:
    """Run forward and backward on each batch, and update once.

    Args:
        recipe: what is trained and how.
        progress: what the step before returned.
        batches: (normalised samples, labels); the gradient is that of the mean over all samples.
        first_pass: number of the first forward pass, from 1: what random numbers depend on.
        lr, step: learning rate and number of the update, 0-d arrays of the parameters' dtype.
    """
    progress, grads = gradients(recipe, progress, batches, first_pass)
    return update(recipe, progress, grads, lr, step)


def gradients(
    recipe: Recipe, progress: Progress, batches: Sequence[tuple[Array, Array]], first_pass: int
) -> tuple[Progress, Arrays]:
    """Return the progress after the batches, before the update, and the gradients by path."""
    total = sum(x.shape[0] for x, _ in batches)
    grads: Arrays = {}
    for i, (x, labels) in enumerate(batches):
        progress, own = _forward_backward(recipe, progress, x, labels, first_pass + i)
        if len(batches) > 1:
            part = x.shape[0] / total
            own = {path: part * g for path, g in own.items()}
        grads = {path: grads[path] + g for path, g in own.items()} if grads else own
    return progress, grads


def _forward_backward(
    recipe: Recipe, progress: Progress, x: Array, labels: Array, forward_pass: int
) -> tuple[Progress, Arrays]:
    """Run one batch forward and backward; return the new progress and its gradients."""
    xp = namespace(x)
    ctx = Context(True, True, forward_pass, recipe.source, frozen=recipe.frozen)
    scores, buffers, back = recipe.layers.forward(progress.params, progress.buffers, x, ctx)
    value, loss_back = recipe.loss(scores, labels)
    _, grads = back(loss_back(xp.ones_like(value)), want_dx=False)
    after = progress._replace(
        buffers=_learnt(progress.buffers, buffers, recipe.frozen),
        loss_sum=progress.loss_sum + value * x.shape[0],
        hits=progress.hits + hits(recipe.loss, scores, labels),
        finite=xp.logical_and(progress.finite, xp.isfinite(value)),
    )
    return after, flatten(grads)


def update(recipe: Recipe, progress: Progress, grads: Arrays, lr: Array, step: Array) -> Progress:
    """Return the progress after an update by these gradients."""
    params, finite = flatten(progress.params), progress.finite
    grads = {path: grads[path] for path in recipe.groups.paths}
    if recipe.l1:
        grads = {path: _with_l1(recipe.l1, params[path], g) for path, g in grads.items()}
    if recipe.clip is not None:
        for g in grads.values():  # clipping can hide what is not finite
            xp = namespace(g)
            finite = xp.logical_and(finite, xp.all(xp.isfinite(g)))
        grads = recipe.clip(grads)
    new, state = recipe.groups.update(recipe.optimizer, params, grads, progress.state, lr, step)
    average = progress.average
    if recipe.ema is not None:
        average = _averaged(recipe.ema, average, new, step)
    return progress._replace(
        params=unflatten_like(progress.params, new), state=state, average=average, finite=finite
    )


def hits(loss: Loss, scores: Array, labels: Array) -> Array:
    """Return how many samples the loss decides as their label says: 0-d int64, on the device.

    A sample counts as one, whatever its weight.
    """
    xp = namespace(scores)
    right = loss.decide(scores) == class_labels(labels, scores.shape[1])
    return xp.sum(xp.astype(right, xp.int64))


def class_labels(labels: Array, outputs: int) -> Array:
    """Return labels as class indices (n,): of probabilities (n, outputs), the most probable one."""
    return labels if labels.ndim == 1 else MSE().decide(without_weights(labels, outputs)[0])


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


def _averaged(ema: float, average: Arrays, params: Arrays, step: Array) -> Arrays:
    """Return the moving average after the parameters of a step."""
    xp = namespace(step)
    decay = xp.minimum(xp.full_like(step, ema), (1.0 + step) / (10.0 + step))
    return {path: a + (1.0 - decay) * (params[path] - a) for path, a in average.items()}
