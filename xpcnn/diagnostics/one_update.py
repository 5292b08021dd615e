"""The cost of a training, estimated from one update and the validation of one batch."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from xpcnn.config.training_options import TrainingOptions, overridden
from xpcnn.diagnostics.prepare import prepared
from xpcnn.errors import XpcnnError, hint
from xpcnn.inputs import Data
from xpcnn.markup import ShownAsText
from xpcnn.model import Model
from xpcnn.model_arguments import check_seed
from xpcnn.training.evaluation import evaluate
from xpcnn.training.health_probe import expected_loss
from xpcnn.training.last_batch import check_last_batch
from xpcnn.training.progress import all_finite, beginning
from xpcnn.training.recipe import recipe_for
from xpcnn.training.step import training_step
from xpcnn.training.updates import Updates


@dataclass(frozen=True)
class DryRun(ShownAsText):
    """The cost of an update and the first losses; print it for a sentence.

    seconds: time of an update, the second of two, since the first opens threads and allocates
        memory.
    updates: number of updates of the whole training.
    loss: of the first update.
    expected: the loss at chance level, such as ln(classes); None for losses without one.
    val_loss: of one batch of the validation part after the update; None without validation.
    memory: bytes by name, as the backend reports them.
    """

    seconds: float
    updates: int
    loss: float
    expected: float | None
    val_loss: float | None
    memory: Mapping[str, int]

    def __str__(self) -> str:
        chance = "" if self.expected is None else f" (chance level: {self.expected:.3f})"
        total = self.seconds * self.updates
        memory = ", ".join(
            f"{name.removesuffix('_rss').replace('_', ' ')} {size / 1e6:,.0f} MB"
            for name, size in self.memory.items()
        )
        parts = [
            f"an update takes {self.seconds:.3g} s, all {self.updates:,} of them "
            f"{total:,.{0 if total >= 10 else 2}f} s",
            f"loss {self.loss:.3f}{chance}",
            *([] if self.val_loss is None else [f"val loss {self.val_loss:.3f}"]),
            *([f"memory: {memory}"] if memory else []),
        ]
        return "; ".join(parts)


def dry_run(
    model: Model,
    data: Data,
    training: TrainingOptions | None = None,
    *,
    validation: Data | float | None = None,
    seed: int | None = None,
    **options: Any,
) -> DryRun:
    """Run one update and validate on one batch; return time and memory. The model is unchanged.

    model: any model.
    data, training, validation, seed, options: as in `Model.fit`.

    Raises:
        XpcnnError: the data or an option is not valid, or a value is not finite after the update.
    """
    chosen = overridden(training, options)
    seed = model.seed if seed is None else check_seed(seed)
    train, held_out = model.parts(data, validation, seed)
    network, samples = prepared(model, train)
    recipe = recipe_for(network, chosen, seed)
    all_updates = Updates(network, samples, chosen, seed)
    check_last_batch(network, len(samples), chosen)
    start = beginning(recipe, network)
    with network.backend.session(), numpy.errstate(all="ignore"):  # reported below
        update = next(all_updates.epoch(1, 0, []))
        for _ in range(2):
            network.backend.synchronize()
            began = time.perf_counter()
            progress = training_step(recipe, start, *update)
            finite = bool(all_finite(progress))  # waits for the device
            seconds = time.perf_counter() - began
        if not finite:
            advice = "fit(...), which says at which tensor that begins"
            raise XpcnnError(hint("a value is not finite after one update", advice))
        val_loss = None
        if held_out is not None:
            batch = held_out.images[: chosen.batch_size], held_out.labels[: chosen.batch_size]
            weights = progress.params, progress.buffers
            val_loss = evaluate(network, network.samples(*batch), chosen.batch_size, weights)[
                "loss"
            ]
    return DryRun(
        seconds,
        all_updates.total,
        float(progress.loss_sum) / sum(x.shape[0] for x, _ in update.batches),
        expected_loss(network.loss, network.output_shape[0]),
        val_loss,
        network.backend.memory(),
    )
