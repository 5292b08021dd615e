"""Averages of the weights: moving (`ema`), or over the ends of epochs (`swa`).

Both are a ← a + s·(p - a) after every update, for the share s of the new parameters p:

    ema: s = 1 - min(d, (1 + t)/(10 + t))                   (t updates done)
    swa: s = 1/(e - first + 1) at the end of epoch e ≥ first, otherwise 0

The second is the mean over the epochs since the first. Equal to `torch.optim.swa_utils`.
Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.
"""

from dataclasses import replace

from xpcnn.layers import BatchNorm, Context, Layer
from xpcnn.layers.rebuilding import rebuilt
from xpcnn.samples import Samples
from xpcnn.training.recipe import Arrays, Recipe
from xpcnn.types import Array, Params, flatten, namespace, unflatten_like


def averaged(recipe: Recipe, average: Arrays, params: Arrays, step: Array) -> Arrays:
    """Return the average after the parameters of an update.

    step: number of the update, from 1: a 0-d array.
    """
    share = _share(recipe, step)
    return {path: a + share * (params[path] - a) for path, a in average.items()}


def _share(recipe: Recipe, step: Array) -> Array:
    """Return s, a 0-d array."""
    xp = namespace(step)
    if recipe.ema is not None:
        return 1.0 - xp.minimum(xp.full_like(step, recipe.ema), (1.0 + step) / (10.0 + step))
    assert recipe.swa is not None
    first, per_epoch = recipe.swa
    epoch = step / per_epoch
    count = epoch - (first - 1.0)
    is_counted = (xp.floor(epoch) == epoch) & (count >= 1.0)
    one = xp.ones_like(step)
    return xp.where(is_counted, one / xp.where(is_counted, count, one), xp.zeros_like(step))


def has_begun(recipe: Recipe, step: int) -> bool:
    """Whether there is an average after `step` updates."""
    return recipe.ema is not None or (
        recipe.swa is not None and step // recipe.swa[1] >= recipe.swa[0]
    )


def batch_statistics(
    recipe: Recipe, params: Params, buffers: Params, samples: Samples, batch_size: int
) -> Params:
    """Return running statistics for parameters: the mean over those of the batches of samples.

    Every batch counts alike, and one that is smaller than `batch_size` only if there is no other.
    Frozen statistics stay.
    """
    if not flatten(buffers):
        return buffers
    layers = rebuilt(recipe.layers, _of_the_batch)
    mean: Arrays = {}
    for count, (x, _) in enumerate(samples.batches(batch_size), 1):
        if mean and x.shape[0] < batch_size:
            break
        ctx = Context(True, False, count, recipe.source, frozen=recipe.frozen)
        _, own, _ = layers.forward(params, buffers, x, ctx)
        found = flatten(own)
        mean = {path: a + (found[path] - a) / count for path, a in (mean or found).items()}
    return unflatten_like(buffers, mean)


def _of_the_batch(layer: Layer) -> Layer:
    """Return a batch norm whose running statistics are those of the last batch."""
    return replace(layer, momentum=1.0) if isinstance(layer, BatchNorm) else layer
