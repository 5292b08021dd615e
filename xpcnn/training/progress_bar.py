"""A bar that shows how far a training is, with its loss, on a terminal or in a notebook."""

import io
import sys
import warnings
from collections.abc import Callable
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
        with warnings.catch_warnings():  # in a notebook: without ipywidgets the bar is text
            warnings.simplefilter("ignore")
            # not tqdm.auto, which imports asyncio: 40 ms
            from tqdm.autonotebook import tqdm  # type: ignore[import-untyped]  # it ships no types

        self.bar = tqdm(
            initial=done,
            total=total,
            unit="step",
            disable=not is_shown(),
            leave=self.leave,
            dynamic_ncols=True,
            delay=1e-6,  # writes nothing yet: a bar that is half made cannot be given up
        )
        self._show(_begin)

    def on_epoch_start(self, epoch: int) -> None:
        self._show(lambda bar: bar.set_description(f"epoch {epoch}/{self.epochs}"))

    def on_step(self, step: int) -> None:
        self._show(lambda bar: bar.update())

    def on_loss(self, step: int, loss: float) -> None:
        self._show(lambda bar: bar.set_postfix_str(f"loss {loss:.4f}", refresh=False))

    def on_validation(self, record: Validation) -> None:
        figures = f"val loss {record.loss:.4f}{_accuracy('val accuracy', record.accuracy)}"
        self._show(lambda bar: bar.set_postfix_str(figures, refresh=False))

    def on_epoch_end(self, record: Epoch) -> None:
        figures = f"loss {record.loss:.4f}{_accuracy('accuracy', record.accuracy)}"
        figures += _accuracy("val accuracy", record.val_accuracy)
        self._show(lambda bar: bar.set_postfix_str(figures))

    def _show(self, change: Callable[[Any], object]) -> None:
        """Change the bar. One that cannot be written any more is given up; training continues."""
        if self.bar is None:
            return
        try:
            change(self.bar)
        except (OSError, ValueError):  # the terminal has gone, the stream is closed
            bar, self.bar = self.bar, None
            bar.fp = io.StringIO()
            bar.sp = bar.status_printer(bar.fp)
            bar.close()  # else it would try to write once more when it is deleted

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *error: object) -> None:
        self._show(lambda bar: bar.close())


def _begin(bar: Any) -> None:
    bar.refresh()  # a widget is put on the page of a notebook by this alone, while delay > 0
    bar.delay = 0.0


def _accuracy(name: str, value: float | None) -> str:
    return "" if value is None else f", {name} {value:.4f}"


def is_shown() -> bool:
    """Whether a bar can be seen: standard error is a terminal, or this is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if "IPKernelApp" in getattr(shell, "config", {}):
        return True
    return sys.stderr is not None and sys.stderr.isatty()
