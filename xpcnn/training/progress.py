"""A bar that shows how far a training is, with its loss, on a terminal or in a notebook."""

import sys
from typing import Any

from xpcnn.training.callbacks import Callback
from xpcnn.training.history import Epoch, History, Validation


class ProgressBar(Callback):
    """A bar of updates on standard error, to be closed by leaving its context.

    leave: whether the bar stays when training has ended.
    """

    def __init__(self, epochs: int, leave: bool = True) -> None:
        self.epochs, self.leave = epochs, leave
        self.bar: Any = None

    def on_start(self, history: History, done: int, total: int) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]  # it ships no types

        self.bar = tqdm(
            initial=done,
            total=total,
            unit="step",
            disable=not is_shown(),
            leave=self.leave,
            dynamic_ncols=True,
        )

    def on_epoch_start(self, epoch: int) -> None:
        if self.bar is not None:
            self.bar.set_description(f"epoch {epoch}/{self.epochs}")

    def on_step(self, step: int) -> None:
        if self.bar is not None:
            self.bar.update()

    def on_loss(self, step: int, loss: float) -> None:
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)

    def on_validation(self, record: Validation) -> None:
        if self.bar is not None:
            figures = f"val loss {record.loss:.4f}, val accuracy {record.accuracy:.4f}"
            self.bar.set_postfix_str(figures, refresh=False)

    def on_epoch_end(self, record: Epoch) -> None:
        if self.bar is not None:
            figures = f"loss {record.loss:.4f}, accuracy {record.accuracy:.4f}"
            if record.val_accuracy is not None:
                figures += f", val accuracy {record.val_accuracy:.4f}"
            self.bar.set_postfix_str(figures)

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()


def is_shown() -> bool:
    """Whether a bar can be seen: standard error is a terminal, or this is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if "IPKernelApp" in getattr(shell, "config", {}):
        return True
    return sys.stderr is not None and sys.stderr.isatty()
