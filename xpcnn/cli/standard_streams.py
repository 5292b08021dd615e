"""Standard streams of a process: output that cannot be printed never ends a computation.

A closed standard error, a reader that has gone and a full disk lose words, and nothing else. An
answer that cannot be written to standard output is an error; see `output.answer`.
"""

import io
import os
import sys
from contextlib import suppress


class _Lossy(io.FileIO):
    """A file whose writes always succeed; what cannot be written is lost."""

    def write(self, content: bytes, /) -> int:  # type: ignore[override]  # any buffer
        size = len(memoryview(content).cast("B"))
        with suppress(OSError):
            written = super().write(content)
            return size if written is None else written  # None: a full pipe that does not block
        return size


def make_safe() -> None:
    """Open what is closed of the three streams, and make standard error one that cannot fail."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # else the next file opened would be taken for the stream
            os.open(os.devnull, os.O_RDWR)  # takes the least number that is free
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names of any bytes, as they are
        known = sys.stdout.encoding.lower().startswith("utf")
        sys.stdout.reconfigure(errors="surrogateescape" if known else "backslashreplace")
    if os.name != "posix" and sys.stderr is not None and sys.stderr.isatty():
        return  # a console of Windows is no file
    encoding = getattr(sys.stderr, "encoding", "utf-8")
    raw = _Lossy(2, "wb", closefd=False)
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=True
    )
