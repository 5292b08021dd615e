"""One training step: a function of arrays that never waits for the device.

No value is read, printed or branched on inside; sums of loss and hits stay on the device until the
end of the epoch.
"""

from collections.abc import Callable
from typing import NamedTuple

from xpcnn.layers import Context, Layer
from xpcnn.losses import MSE, Loss
from xpcnn.optimizers import Optimizer, State
from xpcnn.types import Array, Params, Shape, flatten, namespace, unflatten_like


class Progress(NamedTuple):
    """All that a step changes: parameters, buffers, the optimizer's memory, sums over the epoch."""

    params: Params
    buffers: Params
    state: State
    loss_sum: Array
    hits: Array


Clip = Callable[[dict[str, Array]], dict[str, Array]]


def training_step(
    layers: Layer,
    loss: Loss,
    optimizer: Optimizer,
    clip: Clip | None,
    source: Callable[[str, int, Shape], Array],
    progress: Progress,
    x: Array,
    labels: Array,
    number: int,
    lr: Array,
    step: Array,
) -> Progress:
    """Run forward, backward and update on one batch.

    Args:
        layers, loss, optimizer, clip: what is trained and how.
        source: random numbers, (path, step, shape) -> uniforms.
        progress: what the step before returned.
        x, labels: the batch, normalised.
        number: number of this forward pass, from 1: what random numbers depend on.
        lr, step: learning rate and number as 0-d arrays of the parameters' dtype.
    """
    xp = namespace(x)
    ctx = Context(training=True, grad=True, step=number, source=source)
    scores, buffers, back = layers.forward(progress.params, progress.buffers, x, ctx)
    value, loss_back = loss(scores, labels)
    _, grads = back(loss_back(xp.ones_like(value)), want_dx=False)

    flat = flatten(grads)
    if clip is not None:
        flat = clip(flat)
    updated, state = optimizer.update(flatten(progress.params), flat, progress.state, lr, step)
    return Progress(
        unflatten_like(progress.params, updated),
        buffers,
        state,
        progress.loss_sum + value * x.shape[0],
        progress.hits + hits(loss, scores, labels),
    )


def hits(loss: Loss, scores: Array, labels: Array) -> Array:
    """Return how many samples the loss decides as their label says: 0-d int64, on the device.

    Labels that are probabilities (n, outputs) say their most probable class.
    """
    xp = namespace(scores)
    if labels.ndim == 2:
        labels = MSE().decide(labels)
    return xp.sum(xp.astype(loss.decide(scores) == labels, xp.int64))
