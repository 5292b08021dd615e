"""From a network and options to a trained network."""

from collections.abc import Sequence

from xpcnn.network import Network
from xpcnn.samples import Samples
from xpcnn.signals import shielded
from xpcnn.training.callbacks import Callback
from xpcnn.training.history import History
from xpcnn.training.options import TrainingOptions
from xpcnn.training.run import Run
from xpcnn.training.saver import Saver


def fit(
    network: Network,
    train: Samples,
    validation: Samples | None,
    options: TrainingOptions,
    seed: int,
    callbacks: Sequence[Callback] = (),
    saver: Saver | None = None,
    health: bool | None = None,
) -> History:
    """Train the network on `train`, epoch by epoch in the order of `random.permutation`.

    The network gets the new weights when training ends. An interrupt (KeyboardInterrupt) leaves it
    with those of the last update, an error with those from before the call; both leave a checkpoint
    of the last update, if checkpoints are written, and neither anything that is not finite.

    saver: writes checkpoints, and goes on from the newest if it should.
    health: note what is not well with the network: see `Model.fit`.

    Raises:
        XpcnnError: a loss, gradient or weight is not finite.
        CheckpointError: there are checkpoints, and none can be read. One that cannot be written is
            noted, and tried again.
        ConfigError: the checkpoint is of another run.
    """
    run = Run(network, train, validation, options, seed, callbacks, saver, health)
    if saver is not None and saver.resume:
        run.restore()
    try:
        run.train()
    except KeyboardInterrupt:
        with shielded():
            run.rescue()
            network.params, network.buffers = run.weights()
        raise
    except Exception:
        with shielded():
            run.rescue()
        raise
    before = network.params, network.buffers
    network.params, network.buffers = run.chosen()
    try:
        run.notify("on_end", run.history)
    except Exception:
        network.params, network.buffers = before
        raise
    return run.history
