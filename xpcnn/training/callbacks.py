"""The moments of a run at which others may act. Nothing here computes."""

from xpcnn.training.history import Epoch


class Callback:
    """Override what you need; every method does nothing by itself.

    Nothing of the device is given to a callback between epochs, so none can make it wait.
    """

    def on_epoch_start(self, epoch: int, batches: int) -> None:
        """Called before an epoch (from 1) of so many batches."""

    def on_step(self, step: int) -> None:
        """Called after a step (from 1) was handed to the device."""

    def on_epoch_end(self, record: Epoch) -> None:
        """Called with the figures of an epoch that ended."""
