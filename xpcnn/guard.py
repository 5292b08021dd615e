"""Ctrl-C, SIGTERM and SIGHUP before anything has begun: each ends the process at once.

The first file of the command line to be imported, and so fast that few signals come before it.
"""

import os
import signal
from types import FrameType

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""By signal: what is said of it as the process ends, with exit code 128 + its number."""

if hasattr(signal, "SIGHUP"):  # the terminal or connection was closed; Windows has no such signal
    WORDS[signal.SIGHUP] = "hung up"


def leave_at_once() -> None:
    """End the process with 130, 143 or 129 on a signal, from now on.

    A signal that the parent process ignores (SIGHUP under nohup), or that is handled already, stays
    as it is.
    """
    for number in WORDS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, leave)


def leave(number: int, frame: FrameType | None) -> None:
    """Say so and end the process, without a word to anybody else."""
    try:
        os.write(2, f"{WORDS[signal.Signals(number)]}\n".encode())
    except OSError:
        pass
    finally:
        os._exit(128 + number)
