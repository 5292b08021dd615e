"""The update that stopped being finite, kept in a file and repeated."""

from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file

from tests.io.forged_files import forge
from tests.lib import Lib
from tests.training.test_step import digits
from xpcnn import Model
from xpcnn.data.augment import Crop, Mixup
from xpcnn.errors import CheckpointError, XpcnnError
from xpcnn.layers import Activation, BatchNorm, Conv2D, Dense, Dropout, Flatten, ReLU
from xpcnn.optimizers import SGD, Muon, NAdam, Optimizer
from xpcnn.training import Checkpoints, replay

FOUND = "the running statistic layers.1.var is not finite"


def diverge(folder: Path, **changes: Any) -> str:
    """Let a run diverge; return the error's text."""
    layers = changes.pop(
        "layers", [Conv2D(2, 3), BatchNorm(), ReLU(), Dropout(0.2), Flatten(), Dense(10)]
    )
    model = Model(layers, input_shape=(1, 8, 8), backend=changes.pop("backend", "numpy"))
    options: dict[str, Any] = {
        "epochs": 30,
        "batch_size": 8,
        "optimizer": SGD(3e3, momentum=0.9, weight_decay=0.1),
        "augment": [Crop(1)],
        "freeze": ["layers.0.bias"],
        "ema": 0.9,
        "accumulate": 2,
        "checkpoints": Checkpoints(folder, every_steps=1),
    }
    with pytest.raises(XpcnnError) as error:
        model.fit(digits(40), **options | changes)
    return str(error.value)


def test_the_file_repeats_what_the_run_said(tmp_path: Path) -> None:
    text = diverge(tmp_path)
    path = tmp_path / "not-finite.safetensors"
    said, advice = text.split("\nTry: ")
    assert advice.endswith(f"; xpcnn replay {path} repeats the update")
    assert said.startswith(f"training diverged: {FOUND}")
    assert said.startswith(f"training diverged: {replay(path)}, at update ")


def test_the_last_checkpoint_is_the_one_before(tmp_path: Path) -> None:
    """Every checkpoint is finite, and the run comes to the same end from the newest."""
    text = diverge(tmp_path)
    newest, *_ = Checkpoints(tmp_path).files()
    assert all(numpy.isfinite(x).all() for x in load_file(newest).values())
    assert diverge(tmp_path, resume=True) == text


def test_on_every_library(lib: Lib, tmp_path: Path) -> None:
    diverge(tmp_path)
    found = replay(tmp_path / "not-finite.safetensors", backend=lib.backend)
    assert found is not None
    assert found.startswith(FOUND)


def test_mixed_labels_are_kept(tmp_path: Path) -> None:
    diverge(tmp_path, augment=[Mixup(0.2)])
    found = replay(tmp_path / "not-finite.safetensors")
    assert found is not None
    assert found.startswith(FOUND)


@pytest.mark.parametrize("optimizer", [NAdam(1e30), Muon(1e30)], ids=["nadam", "muon"])
def test_memory_that_is_not_like_the_parameters(optimizer: Optimizer, tmp_path: Path) -> None:
    """One number for each parameter, or matrices of some parameters only."""
    text = diverge(tmp_path, optimizer=optimizer, augment=[])
    found = replay(tmp_path / "not-finite.safetensors")
    assert found is not None
    assert text.startswith(f"training diverged: {found}, at update ")


def test_what_no_file_can_describe_is_said(tmp_path: Path) -> None:
    square = Activation(lambda x: x * x, lambda x: 2 * x)
    text = diverge(tmp_path, layers=[Flatten(), Dense(9), square, Dense(10)], freeze=[])
    assert "; the update could not be kept: layers.2 (Activation): f is a function" in text
    assert not (tmp_path / "not-finite.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"seed": "x"}, "the file: seed is 'x', expected a whole number"),
        ({"sizes": [8, 10**12]}, "batch.1.samples is (8, 1, 8, 8) float32, expected (10000000"),
        ({"freeze": ["nothing"]}, "freeze: 'nothing' fits no parameter"),
        ({"optimizer": {"type": "SDG"}}, "optimizer: unknown optimizer type 'SDG'\nTry: 'SGD'"),
        ({"l1": -1.0}, "TrainingOptions: l1 must be"),
    ],
)
def test_a_lying_file_is_refused(change: dict[str, Any], text: str, tmp_path: Path) -> None:
    diverge(tmp_path)
    path = tmp_path / "not-finite.safetensors"
    forge(path, lambda table: table.update(change))
    with pytest.raises(CheckpointError) as error:
        replay(path)
    assert text in str(error.value)
