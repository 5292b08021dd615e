"""Ctrl-C and SIGTERM: both interrupt a command, which ends with 130 or 143.

While there is nothing to save they end the process at once; `interruptible` is for all that has
something to save or to tidy up. Imports nothing large.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


def leave_at_once() -> None:
    """End the process with 130 or 143 on a signal, from now on.

    A signal that the parent process ignores or that is handled already stays as it is.
    """
    for number, default in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is default:
            signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, f"{WORDS[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C and `Terminated` on SIGTERM, while the block runs."""
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in WORDS}
    ours = (_leave, signal.SIG_DFL, signal.default_int_handler)
    changed = [number for number, handler in before.items() if handler in ours]
    try:
        for number in changed:
            signal.signal(number, _interrupt)
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])
