"""The callbacks of a run, called at its moments."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from xpcnn.training.callbacks import Callback, StopTraining

LOOK_SECONDS = 0.5
"""Time between two calls of `on_loss` and `on_snapshot`, which wait for the device."""


class Notifier:
    """Calls the callbacks of a run, and decides when they get the loss and a snapshot."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.callbacks = callbacks
        self.wants_loss = self._override("on_loss")
        self.wants_snapshot = self._override("on_snapshot")
        self.last_look = -math.inf  # when one was last due

    def call(self, moment: str, *facts: Any) -> Iterator[str]:
        """Call a method of every callback; yield the reason of each `StopTraining`, "" for none."""
        for callback in self.callbacks:
            try:
                getattr(callback, moment)(*facts)
            except StopTraining as stop:
                yield str(stop)

    def look_is_due(self) -> bool:
        """Return whether to give loss and snapshot now; True at most every `LOOK_SECONDS`."""
        now = time.perf_counter()
        due = (self.wants_loss or self.wants_snapshot) and now - self.last_look >= LOOK_SECONDS
        if due:
            self.last_look = now
        return due

    def _override(self, moment: str) -> bool:
        """Return whether any callback overrides a method."""
        return any(
            getattr(type(c), moment) is not getattr(Callback, moment) for c in self.callbacks
        )
