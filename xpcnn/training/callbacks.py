"""The moments of a run at which others may act. Nothing here computes."""

from collections.abc import Iterable
from typing import Any

from xpcnn.errors import ConfigError, hint
from xpcnn.training.history import Epoch, History, Validation
from xpcnn.training.snapshot import Snapshot


class StopTraining(Exception):
    """Raised by a callback, with the reason: training ends well, with what was learnt so far.

    An epoch cut short is recorded and validated as it is; one without any update is not.
    """


class Callback:
    """Override what you need; every method does nothing by itself.

    In order: on_start, then for every epoch on_epoch_start, on_step, on_loss, on_snapshot,
    on_validation, on_epoch_end, and on_end; on_note at any time, before on_start too. Only
    `on_loss` and `on_snapshot` make training wait for the device. Each may raise `StopTraining`;
    any other error ends the run, and the model stays as it was.
    """

    def on_start(self, history: History, done: int, total: int) -> None:
        """Called first, with the past of a run that is resumed, its updates, and those in all."""

    def on_epoch_start(self, epoch: int) -> None:
        """Called before an epoch (from 1), or before the rest of one."""

    def on_step(self, step: int) -> None:
        """Called after an update (from 1) was handed to the device."""

    def on_loss(self, step: int, loss: float) -> None:
        """Called about twice a second with the mean loss of the epoch up to an update.

        Only for callbacks that override it: reading the loss waits for the device.
        """

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Called about twice a second, and at the end of every epoch before `on_validation`, with
        the network as it is, the batch's place in the epoch, and the gradients' norms.

        Only for callbacks that override it. What is read from the network waits for the device.
        """

    def on_validation(self, record: Validation) -> None:
        """Called with the figures of the validation part, in the middle of an epoch too."""

    def on_epoch_end(self, record: Epoch) -> None:
        """Called with the figures of an epoch that ended."""

    def on_note(self, text: str) -> None:
        """Called with something that a person should know."""

    def on_end(self, history: History) -> None:
        """Called when training has ended well; the model has its new parameters."""


def check_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """Return callbacks as a tuple; None is none.

    Raises:
        ConfigError: they are no list of objects made from `Callback`.
    """
    advice = "callbacks=[MyCallback()], an object of your class MyCallback(Callback)"
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable | None):
        message = f"callbacks is a {type(callbacks).__name__}, expected a list"
        raise ConfigError(hint(message, advice))
    given = tuple(callbacks or ())
    for callback in given:
        if not isinstance(callback, Callback):
            what = "class" if isinstance(callback, type) else type(callback).__name__
            message = f"callbacks has a {what} in it, expected objects made from Callback"
            raise ConfigError(hint(message, advice))
    return given
