"""Ctrl-C, SIGTERM and SIGHUP: each interrupts a command, which ends with 130, 143 or 129.

While there is nothing to save, they end the process at once (`startup_signals`); `interruptible` is
for blocks that save or clean up first.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from xpcnn.startup_signals import WORDS, leave


class Terminated(KeyboardInterrupt):
    """The process got SIGTERM, or SIGHUP because its terminal was closed."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number)
        self.number = number


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise_interrupt(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C, and `Terminated` on SIGTERM and SIGHUP, in the block.

    A signal that is ignored, or that has another handler, is left alone.
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


class Noted:
    """The first signal that came while `deferred` notes them; `number` is 0 before."""

    number = 0


@contextmanager
def deferred() -> Iterator[Noted]:
    """Note the first of these signals in the block instead of raising; the second one is raised.

    For processes that must all stop at the same place. Threads other than the main one get no
    signals.
    """
    noted = Noted()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in WORDS}
    ours = (_interrupt, leave, signal.SIG_DFL, signal.default_int_handler)
    changed = [number for number, handler in before.items() if handler in ours]

    def note(number: int, frame: FrameType | None) -> None:
        noted.number = number
        for other in changed:
            signal.signal(other, _interrupt)

    try:
        for number in changed:
            signal.signal(number, note)
        yield noted
    finally:
        for number in changed:
            signal.signal(number, before[number])


def raise_interrupt(number: int) -> NoReturn:
    """Raise what `interruptible` raises for a signal of this number."""
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(signal.Signals(number))


@contextmanager
def shielded() -> Iterator[None]:
    """Ignore these signals while the block runs, for a last save.

    Threads other than the main one get no signals.
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
