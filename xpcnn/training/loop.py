"""From a model and options to a trained model."""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xpcnn.errors import XpcnnError
from xpcnn.training.callbacks import Callback
from xpcnn.training.history import History
from xpcnn.training.options import TrainingOptions
from xpcnn.training.run import Run
from xpcnn.training.samples import Samples
from xpcnn.training.saving import Saver

if TYPE_CHECKING:
    from xpcnn.model import Model


def fit(
    model: "Model",
    train: Samples,
    validation: Samples | None,
    options: TrainingOptions,
    seed: int,
    callbacks: Sequence[Callback] = (),
    saver: Saver | None = None,
    health: bool = False,
) -> History:
    """Train the model on `train`, epoch by epoch in the order of `random.permutation`.

    The model gets the new weights when training ends. An interrupt (KeyboardInterrupt) leaves it
    with those of the last update, in a checkpoint too; an error with those from before the call.

    saver: writes checkpoints, and goes on from the newest if it should.
    health: note at the start and after epochs 1, 2, 4, 8, ... what is not well with the network.

    Raises:
        XpcnnError: a loss, gradient or weight is not finite.
        CheckpointError: a checkpoint cannot be written, or none of those there read.
        ConfigError: the checkpoint is of another run.
    """
    run = Run(model, train, validation, options, seed, callbacks, saver, health)
    if saver is not None and saver.resume:
        run.restore()
    try:
        run.go()
    except KeyboardInterrupt:
        model.params, model.buffers = run.weights()
        if saver is not None:
            with contextlib.suppress(XpcnnError):
                run.save()
        raise
    before = model.params, model.buffers
    model.params, model.buffers = run.best if options.best_kept and run.best else run.weights()
    try:
        run.tell("on_end", run.history)
    except Exception:
        model.params, model.buffers = before
        raise
    return run.history
