"""Ctrl-C and SIGTERM before anything has begun: both end the process at once.

The first file of the command line to be imported, and so fast that few signals come before it.
"""

import os
import signal
from types import FrameType

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def leave_at_once() -> None:
    """End the process with 130 or 143 on a signal, from now on.

    A signal that the parent process ignores or that is handled already stays as it is.
    """
    for number, default in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is default:
            signal.signal(number, leave)


def leave(number: int, frame: FrameType | None) -> None:
    """Say so and end the process, without a word to anybody else."""
    try:
        os.write(2, f"{WORDS[signal.Signals(number)]}\n".encode())
    except OSError:
        pass
    finally:
        os._exit(128 + number)
