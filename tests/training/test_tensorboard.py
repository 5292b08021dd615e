"""Event files, read back by TensorBoard's own reader."""

from pathlib import Path
from typing import Any

import pytest

import xpcnn
from xpcnn.errors import PackageMissingError
from xpcnn.layers import Dense, Flatten
from xpcnn.training import TensorBoard, tensorboard


def fitted(folder: Path, **options: Any) -> xpcnn.training.History:
    train, _ = xpcnn.data.load("digits", limit=64)
    model = xpcnn.Model([Flatten(), Dense(10)], input_shape=train.shape)
    callbacks = [TensorBoard(folder, **options)]
    return model.fit(train, validation=0.25, epochs=2, batch_size=16, callbacks=callbacks)


@pytest.mark.filterwarnings("ignore")  # of the libraries that read and write the files
def test_tensorboard_reads_what_the_history_says(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    history = fitted(tmp_path, gradients=True)
    read = reader.EventAccumulator(str(tmp_path)).Reload()
    figures = {
        "train/loss": "loss",
        "train/accuracy": "accuracy",
        "train/lr": "lr",
        "validation/loss": "val_loss",
        "validation/accuracy": "val_accuracy",
    }
    for tag, name in figures.items():
        events = read.Scalars(tag)
        assert [event.step for event in events] == history["step"]
        assert [event.value for event in events] == pytest.approx(history[name], rel=1e-6)
    norms = read.Scalars("gradients/layers.1.weight")
    assert [event.step for event in norms][-1] == history["step"][-1]
    assert all(event.value > 0 for event in norms)


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(PackageMissingError, match=r"tensorboardX.*\nTry: pip install 'xpcnn\["):
        TensorBoard("logs")
