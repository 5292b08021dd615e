"""The callbacks of a run, called at its moments."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from xpcnn.training.callbacks import Callback, StopTraining

LOSS_SECONDS = 0.5
"""Time between two readings of the loss for `on_loss`, each of which waits for the device."""


class Notifier:
    """Calls the callbacks of a run, and decides when they get the loss."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.callbacks = callbacks
        self.wants_loss = any(type(c).on_loss is not Callback.on_loss for c in callbacks)
        self.last_loss = -math.inf  # when it was last due

    def call(self, moment: str, *facts: Any) -> Iterator[str]:
        """Call a method of every callback; yield the reason of each `StopTraining`, "" for none."""
        for callback in self.callbacks:
            try:
                getattr(callback, moment)(*facts)
            except StopTraining as stop:
                yield str(stop)

    def loss_is_due(self) -> bool:
        """Return whether to read the loss now; True at most every `LOSS_SECONDS`."""
        now = time.perf_counter()
        due = self.wants_loss and now - self.last_loss >= LOSS_SECONDS
        if due:
            self.last_loss = now
        return due
