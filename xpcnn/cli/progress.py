"""What a training run says while it runs: a bar on a terminal, one line per epoch everywhere."""

import sys

from tqdm import tqdm  # type: ignore[import-untyped]  # it ships no types

from xpcnn.training import Callback, Epoch, History, Validation


class Progress(Callback):
    """Writes to stderr; the bar is silent in a pipe."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.bar: tqdm | None = None

    def on_start(self, history: History, done: int, total: int) -> None:
        self.bar = tqdm(
            initial=done,
            total=total,
            unit="step",
            disable=None,  # not on a terminal
            leave=False,
            dynamic_ncols=True,
        )

    def on_epoch_start(self, epoch: int) -> None:
        if self.bar is not None:
            self.bar.set_description(f"epoch {epoch}/{self.epochs}")

    def on_step(self, step: int) -> None:
        if self.bar is not None:
            self.bar.update()

    def on_validation(self, record: Validation) -> None:
        if not record.ends_epoch:
            tqdm.write(str(record), file=sys.stderr)

    def on_note(self, text: str) -> None:
        tqdm.write(f"note: {text}", file=sys.stderr)

    def on_epoch_end(self, record: Epoch) -> None:
        tqdm.write(str(record), file=sys.stderr)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()  # leaves no trace of it
