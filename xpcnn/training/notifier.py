"""The callbacks of a run, called at its moments."""

import math
import time
from collections.abc import Sequence

from xpcnn.training.callbacks import Callback

LOOK_SECONDS = 0.5
"""Time between two calls of `on_loss` and `on_snapshot`, which wait for the device."""


class Notifier:
    """The callbacks of a run; decides when they get the loss and a snapshot."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.callbacks = callbacks
        self.wants_loss = self._override("on_loss")
        self.wants_snapshot = self._override("on_snapshot")
        self.last_look = -math.inf  # when one was last due

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
