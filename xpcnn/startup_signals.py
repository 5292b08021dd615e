"""Ctrl-C, SIGTERM and SIGHUP during the start of a command: each ends the process at once.

The command line imports this file first, and it is fast, so that few signals come before it.
"""

import os
import signal
from types import FrameType

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""By signal: what the process prints as it ends, with exit code 128 + the signal's number."""

if hasattr(signal, "SIGHUP"):  # the terminal or connection was closed; Windows has no such signal
    WORDS[signal.SIGHUP] = "hung up"


def leave_at_once() -> None:
    """End the process with 130, 143 or 129 on a signal, from now on.

    A signal that the parent process ignores (SIGHUP under nohup), or that has a handler already,
    keeps it.
    """
    for number in WORDS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, leave)


def leave(number: int, frame: FrameType | None) -> None:
    """Print a line and end the process without running any other handler."""
    try:
        os.write(2, f"{WORDS[signal.Signals(number)]}\n".encode())
    except OSError:
        pass
    finally:
        os._exit(128 + number)
