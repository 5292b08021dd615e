"""Ctrl-C, SIGTERM and SIGHUP: each interrupts a command, which ends with 130, 143 or 129.

While there is nothing to save they end the process at once (`guard`); `interruptible` is for all
that has something to save or to tidy up.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from xpcnn.guard import WORDS, leave


class Terminated(KeyboardInterrupt):
    """The process was asked to end: by SIGTERM, or SIGHUP as its terminal was closed."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number)
        self.number = number


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(signal.Signals(number))


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C, and `Terminated` on SIGTERM and SIGHUP, in the block.

    A signal that is ignored, or that has another handler, stays as it is.
    """
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in WORDS}
    ours = (leave, signal.SIG_DFL, signal.default_int_handler)
    changed = [number for number, handler in before.items() if handler in ours]
    try:
        for number in changed:
            signal.signal(number, _interrupt)
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])


@contextmanager
def shielded() -> Iterator[None]:
    """Ignore these signals while the block runs, for a last save.

    Outside of the main thread they do not arrive.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in WORDS}
    try:
        for number in WORDS:
            signal.signal(number, signal.SIG_IGN)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
