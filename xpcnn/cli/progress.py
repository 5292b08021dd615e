"""What a training run says while it runs: a bar on a terminal, one line per epoch everywhere."""

import os
import sys

from tqdm import tqdm  # type: ignore[import-untyped]  # it ships no types

from xpcnn.training import Epoch, Validation
from xpcnn.training.progress_bar import ProgressBar


class Progress(ProgressBar):
    """Writes lines to stderr, above a progress bar, which is erased at the end; in a pipe there is
    no bar."""

    def __init__(self, epochs: int) -> None:
        super().__init__(epochs, leave=False)

    def on_validation(self, record: Validation) -> None:
        if not record.ends_epoch:
            tqdm.write(str(record), file=sys.stderr)

    def on_note(self, text: str) -> None:
        tqdm.write(f"note: {text}", file=sys.stderr)

    def on_epoch_end(self, record: Epoch) -> None:
        tqdm.write(_fitting(str(record)), file=sys.stderr)

    def __enter__(self) -> "Progress":
        return self


def _fitting(line: str) -> str:
    """Return the line of an epoch without its seconds and speed, if it fits a terminal only so."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError, ValueError):  # no terminal, or one that has gone
        return line
    short = line.rsplit("  ", 2)[0]
    return short if len(short) < columns <= len(line) else line
