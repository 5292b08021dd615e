"""Figures of a run for TensorBoard (`pip install 'xpcnn[tensorboard]'`)."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from xpcnn.errors import missing
from xpcnn.training.callbacks import Callback
from xpcnn.training.history import Epoch, History, Validation
from xpcnn.training.snapshot import Snapshot

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

_FIGURES = {
    "loss": "train/loss",
    "accuracy": "train/accuracy",
    "lr": "train/lr",
    "images_per_second": "train/images_per_second",
}


class TensorBoard(Callback):
    """Write loss, accuracy, learning rate and speed of a run as event files of TensorBoard.

        model.fit(train, validation=0.1, callbacks=[TensorBoard("logs/first")])

    and `tensorboard --logdir logs` shows them, by update: `train/loss`, `train/accuracy`,
    `train/lr` and `train/images_per_second` after every epoch, `validation/loss`,
    `validation/accuracy` and further metrics after every validation, notes as text. A resumed run
    continues its curves.

    Args:
        folder: where to write; each run needs a folder of its own.
        gradients: whether to write the norm of the gradient of each parameter too,
            `gradients/layers.0.weight`, about twice a second; each time costs one more forward and
            backward pass.

    Raises:
        PackageMissingError: tensorboardX is not installed.
    """

    def __init__(self, folder: str | Path, gradients: bool = False) -> None:
        require_tensorboard()
        self.folder, self.gradients = Path(folder), gradients
        self.writer: SummaryWriter | None = None

    def on_start(self, history: History, done: int, total: int) -> None:
        from tensorboardX import SummaryWriter

        again = {"purge_step": done + 1} if done else {}  # what was written after the checkpoint
        self.writer = SummaryWriter(str(self.folder), **again)

    def on_snapshot(self, snapshot: Snapshot) -> None:
        if self.gradients:
            for path, norm in snapshot.gradient_norms().items():
                self._write(f"gradients/{path}", norm, snapshot.step)

    def on_validation(self, record: Validation) -> None:
        self._write("validation/loss", record.loss, record.step)
        for name, value in {"accuracy": record.accuracy, **record.metrics}.items():
            self._write(f"validation/{name}", value, record.step)

    def on_epoch_end(self, record: Epoch) -> None:
        for name, tag in _FIGURES.items():
            self._write(tag, getattr(record, name), record.step)
        if self.writer is not None:
            self.writer.flush()  # an interrupted run keeps its whole epochs

    def on_note(self, text: str) -> None:
        if self.writer is not None:
            self.writer.add_text("notes", text)

    def on_end(self, history: History) -> None:
        if self.writer is not None:
            self.writer.close()

    def _write(self, tag: str, value: float | None, step: int) -> None:
        if self.writer is not None and value is not None:
            self.writer.add_scalar(tag, value, step)


def require_tensorboard() -> None:
    """Check that tensorboardX is installed.

    Raises:
        PackageMissingError: it is not.
    """
    if find_spec("tensorboardX") is None:
        raise missing("writing for TensorBoard", "tensorboardX", "tensorboard")
