"""Ctrl-C, SIGTERM and SIGHUP: each interrupts a command, which ends with 130, 143 or 129.

While there is nothing to save, they end the process at once (`startup_signals`); `interruptible` is
for blocks that save or clean up first.
"""

import signal
import threading
import time
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


ONE_REQUEST = 5.0
"""Seconds within which several signals are one request: Slurm sends SIGTERM to a process, and to
its launcher, which passes it on."""


@contextmanager
def deferred() -> Iterator[Noted]:
    """Note the first of these signals in the block instead of raising.

    For processes that must all stop at the same place. Further signals within `ONE_REQUEST` seconds
    are ignored; a later one ends the process at once, since one that raised here would wait for
    processes that have not stopped. Threads other than the main one get no signals.
    """
    noted = Noted()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in WORDS}
    ours = (_interrupt, leave, signal.SIG_DFL, signal.default_int_handler)
    changed = [number for number, handler in before.items() if handler in ours]

    first = 0.0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if noted.number == 0:
            noted.number, first = number, time.monotonic()
        elif time.monotonic() - first > ONE_REQUEST:
            leave(number, frame)

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
