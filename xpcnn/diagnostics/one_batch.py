"""A test of whether a network can learn: training on one batch should memorise the batch."""

import math
from dataclasses import dataclass, replace

import numpy

from xpcnn.config.training_options import TrainingOptions
from xpcnn.diagnostics.prepare import prepared
from xpcnn.inputs import Data
from xpcnn.layers.rebuilding import without_dropout
from xpcnn.losses import SoftmaxCrossEntropy
from xpcnn.markup import ShownAsText
from xpcnn.model import Model
from xpcnn.model_arguments import check_seed
from xpcnn.optimizers import Adam, Optimizer
from xpcnn.options import check_count
from xpcnn.training.health_probe import expected_loss
from xpcnn.training.progress import beginning
from xpcnn.training.recipe import recipe_for
from xpcnn.training.step import training_step
from xpcnn.training.updates import Updates

_LOSS, _LEFT = 0.01, 0.05
"""A loss that is always small enough, and the part of the loss at chance level, or of the loss at
the start if that is more. In 500 updates of Adam(1e-3) one Dense layer on the digits, which is slow
and learns well, comes to 0.034 of it; twelve layers of sigmoids, which cannot, to 0.67."""


@dataclass(frozen=True)
class Overfit(ShownAsText):
    """The result of `overfit_one_batch`; print it for a sentence with advice.

    learnt: whether the network has memorised the batch; see `overfit_one_batch`.
    updates: number of updates done.
    samples: number of samples in the batch.
    start: the loss before the first update.
    loss, accuracy: after the last update; accuracy is None in regression.
    """

    learnt: bool
    updates: int
    samples: int
    start: float
    loss: float
    accuracy: float | None

    def __str__(self) -> str:
        loss = f"the loss {self.loss:.3g}, from {self.start:.3g}"
        reached = "" if self.accuracy is None else f"accuracy is {self.accuracy:.2f} and "
        figures = f"after {self.updates:,} updates on one batch of {self.samples}, {reached}{loss}"
        if self.learnt:
            return f"the network can learn: {figures}"
        if self.loss < self.start / 2.0:
            finding = "the network learns, but does not memorise the batch"
            advice = "more updates, or the learning rate that find_lr suggests"
        else:
            finding = "the network does not learn"
            advice = "the learning rate that find_lr suggests, then fit(..., health=True)"
        return f"{finding}: {figures}. Try: {advice}"


def overfit_one_batch(
    model: Model,
    data: Data,
    *,
    updates: int = 500,
    batch_size: int = 32,
    optimizer: Optimizer = Adam(1e-3),  # noqa: B008 - frozen
    seed: int | None = None,
) -> Overfit:
    """Train on one batch until the network has memorised it, or updates run out.

    Memorised means that every sample is right, if the task has an accuracy, and that the loss is
    below 0.01 or 5 % of ln(classes), or 5 % of the loss at the start. Augmentation, schedule, label
    smoothing and dropout are off, since they can keep a good network from memorising. Batch
    normalisation is as in training. The model stays unchanged.

    model: any model.
    data: a data set, or (images, labels); the first batch of an epoch is used.
    updates: largest number of updates, at least 1.
    batch_size: number of samples in the batch, at least 1.
    optimizer: an optimizer; its learning rate stays constant.
    seed: seed of the order of samples; None for that of the model.

    Raises:
        ConfigError: a value is out of range.
    """
    check_count("updates", updates)
    seed = model.seed if seed is None else check_seed(seed)
    chosen = TrainingOptions(batch_size=batch_size, optimizer=optimizer)
    network, samples = prepared(model, data)
    network.layers = without_dropout(network.layers)
    if isinstance(network.loss, SoftmaxCrossEntropy):
        network.loss = replace(network.loss, label_smoothing=0.0)
    recipe = recipe_for(network, chosen, seed)
    to_device = network.backend.from_host
    lr = to_device(numpy.asarray(optimizer.lr, network.dtype))
    batches = next(Updates(network, samples, chosen, seed).epoch(1, 0, [])).batches
    n = int(batches[0][0].shape[0])
    progress = beginning(recipe, network)
    losses: list[float] = []
    expected = expected_loss(network.loss, network.output_shape[0]) or 0.0
    accuracy = 0.0
    with network.backend.session(), numpy.errstate(all="ignore"):  # divergence is a result here
        for done in range(updates + 1):  # figures are from before an update
            progress = progress.with_zero_sums()
            step = to_device(numpy.asarray(done + 1, network.dtype))
            progress = training_step(recipe, progress, batches, done + 1, lr, step)
            losses.append(float(progress.loss_sum) / n)
            accuracy = int(progress.hits) / n
            right = accuracy == 1.0 or not network.task.counts_hits
            learnt = right and losses[-1] < max(_LOSS, _LEFT * max(expected, losses[0]))
            if learnt or not math.isfinite(losses[-1]):
                break
    known = accuracy if network.task.counts_hits else None
    return Overfit(learnt, done, n, losses[0], losses[-1], known)
