"""Callbacks: methods that a run calls at its start and end, after updates, epochs, validations."""

from collections.abc import Iterable
from inspect import signature
from typing import Any

from xpcnn.argument_advice import advice_on
from xpcnn.errors import ConfigError, hint
from xpcnn.training.history import Epoch, History, Validation
from xpcnn.training.snapshot import Snapshot


class StopTraining(Exception):
    """Raised by a callback to end training after this update; the model keeps its new weights.

    The history notes the text as the reason: `raise StopTraining("accuracy reached")`. An
    incomplete epoch is validated and recorded, unless it has no update.
    """


class Callback:
    """Base of callbacks for `Model.fit(..., callbacks=[...])`: override the methods that you need.

        class Plot(Callback):
            def on_epoch_end(self, record):
                draw(record.epoch, record.loss)

    Methods are called in this order: `on_start`; for every epoch `on_epoch_start`, `on_step`,
    `on_loss`, `on_snapshot`, `on_validation`, `on_epoch_end`; then `on_end`. `on_note` is called at
    any time, also before `on_start`. Only `on_loss` and `on_snapshot` make training wait for the
    device. Every method may raise `StopTraining`; any other error ends the run and leaves the model
    unchanged.

    Until `on_end`, the model itself keeps its weights from before `fit`, and its methods that read,
    use or replace weights raise an error. `on_snapshot` has the current weights.
    """

    def on_start(self, history: History, done: int, total: int) -> None:
        """Called once, before the first update.

        history: empty, or for a resumed run the epochs so far.
        done: updates done so far.
        total: updates of the whole run.
        """

    def on_epoch_start(self, epoch: int) -> None:
        """Called before an epoch (from 1), also before the rest of an interrupted epoch."""

    def on_step(self, step: int) -> None:
        """Called after update `step` (from 1), which a GPU may still be computing."""

    def on_loss(self, step: int, loss: float) -> None:
        """Called about twice a second, only if overridden: reading the loss waits for the device.

        step: updates done.
        loss: mean over the samples of the epoch so far.
        """

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Called about twice a second, and at the end of every epoch before `on_validation`, only
        if overridden.

        snapshot: the network at this moment, the number of the batch in the epoch, and the norms of
            gradients. Reading the arrays of the network waits for the device.
        """

    def on_validation(self, record: Validation) -> None:
        """Called after each validation, also within an epoch, with its figures `record`."""

    def on_epoch_end(self, record: Epoch) -> None:
        """Called at the end of an epoch with its figures `record`."""

    def on_note(self, text: str) -> None:
        """Called with a `text` for the user, such as a problem of training or why it stopped."""

    def on_end(self, history: History) -> None:
        """Called with the whole `history` when training has ended without an error.

        The model has its new parameters.
        """


METHODS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def check_callbacks(callbacks: Any) -> tuple[Callback, ...]:
    """Return callbacks as a tuple, empty for None.

    Raises:
        ConfigError: `callbacks` is not a list of objects of subclasses of `Callback`, or one has a
            public method `on_...` that nothing would call, or that takes other arguments.
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
        for name in dir(callback):
            if name.startswith("on_") and name not in METHODS and callable(getattr(callback, name)):
                message = f"{type(callback).__name__} has a method {name!r}, which no run calls"
                raise ConfigError(hint(message, advice_on(name, METHODS)))
        for name in METHODS:
            _check_takes(callback, name)
    return given


def _check_takes(callback: Callback, name: str) -> None:
    """Require that a method can be called as a run calls it."""
    (_, *expected), method = signature(getattr(Callback, name)).parameters, getattr(callback, name)
    try:
        signature(method).bind(*expected)
    except TypeError as error:
        message = f"{type(callback).__name__}.{name} cannot be called with {', '.join(expected)}"
        advice = f"def {name}({', '.join(['self', *expected])})"
        raise ConfigError(hint(f"{message}: {error}", advice)) from None
    except ValueError:  # some functions in C do not show their arguments
        pass
