"""A run broken off anywhere and resumed ends as if nothing had happened, to the last bit."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.lib import Lib
from tests.training.test_step import digits
from xpcnn import Model, backend
from xpcnn.data.augment import Crop, CutMix, Flip, Noise
from xpcnn.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, ReLU
from xpcnn.optimizers import LAMB, SGD, Adam, Muon, NAdam, Optimizer
from xpcnn.schedules import OneCycle, Plateau
from xpcnn.training import Callback, Checkpoints, History, StopTraining
from xpcnn.types import flatten

LAYERS: list[Layer] = [
    Conv2D(2, 3, stride=2),
    BatchNorm(),
    ReLU(),
    Flatten(),
    Dropout(0.25),
    Dense(10),
]
UPDATES = 9  # of 3 epochs of 5 batches of up to 4, two batches an update
ALL: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 4,
    "accumulate": 2,
    "optimizer": Adam(0.01),
    "schedule": OneCycle(),
    "warmup": 2,
    "clip_norm": 1.0,
    "l1": 1e-4,
    "layer_lr": {"layers.0.*": 0.5},
    "freeze": ["layers.1.*"],
    "unfreeze_after": 1,
    "ema": 0.9,
    "augment": [Crop(1), Flip(), Noise(0.1), CutMix()],
    "validate_every": 2,
    "keep_best": True,
}


class InterruptAfter(Callback):
    """Breaks off a run, as Ctrl-C does, after an update."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step: int) -> None:
        if step == self.step:
            raise KeyboardInterrupt


def trained(**changes: Any) -> tuple[list[bytes], History]:
    """Return the bytes of all weights and statistics after a run, and its history."""
    library = changes.pop("backend", "numpy")
    model = Model(LAYERS, input_shape=(1, 8, 8), seed=2, backend=library)
    if "mean" in changes:
        model.mean, model.std = changes.pop("mean"), (1.0,)
    history = model.fit(digits(19), **{"validation": digits(6)} | ALL | changes)
    arrays = flatten(model.params) | flatten(model.buffers)
    return [model.backend.to_host(x).tobytes() for x in arrays.values()], history


def figures(history: History) -> list[Any]:
    """Return what equal runs have equal."""
    return [
        [(e.epoch, e.step, e.loss, e.accuracy, e.val_loss, e.lr) for e in history],
        history.validations,
    ]


@cache
def straight() -> tuple[list[bytes], list[Any]]:
    weights, history = trained()
    return weights, figures(history)


@pytest.mark.parametrize("step", range(1, UPDATES + 1))
def test_resumed_after_any_update(step: int, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "new")
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=checkpoints, callbacks=[InterruptAfter(step)])
    assert [path.name for path in checkpoints.files()] == [f"step-{step:09}.safetensors"]
    weights, history = trained(checkpoints=checkpoints, resume=True)
    assert (weights, figures(history)) == straight()
    assert history.notes == [f"resumed after update {step}"]


@pytest.mark.parametrize("optimizer", [NAdam(), Muon(), LAMB()], ids=["nadam", "muon", "lamb"])
def test_resumed_with_the_memory_of_other_optimizers(optimizer: Optimizer, tmp_path: Path) -> None:
    options: dict[str, Any] = {"optimizer": optimizer, "epochs": 2, "checkpoints": None}
    expected, _ = trained(**options)
    options["checkpoints"] = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trained(**options, callbacks=[InterruptAfter(4)])
    assert trained(**options, resume=True)[0] == expected


def test_resumed_many_times_from_checkpoints_of_every_update(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, every_steps=1, keep=3)
    for step in (2, 3, 6):
        with pytest.raises(KeyboardInterrupt):
            trained(checkpoints=checkpoints, resume=True, callbacks=[InterruptAfter(step)])
    names = [path.name for path in checkpoints.files()]
    assert names == [f"step-{step:09}.safetensors" for step in (6, 5, 4)]
    weights, history = trained(checkpoints=checkpoints, resume=True)
    assert (weights, figures(history)) == straight()


def test_a_finished_run_resumed_is_finished(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, every_steps=1)
    assert trained(checkpoints=checkpoints)[0] == straight()[0]
    weights, history = trained(checkpoints=checkpoints, resume=True)
    assert (weights, figures(history)) == straight()


def test_without_a_checkpoint_a_run_starts_again(tmp_path: Path) -> None:
    weights, history = trained(checkpoints=Checkpoints(tmp_path), resume=True)
    assert (weights, figures(history), history.notes) == (*straight(), [])


def test_on_every_library(lib: Lib, tmp_path: Path) -> None:
    library = lib.backend
    changes: dict[str, Any] = {"backend": library, "epochs": 2}
    expected, history = trained(**changes)
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trained(**changes, checkpoints=checkpoints, callbacks=[InterruptAfter(2)])
    weights, resumed = trained(**changes, checkpoints=checkpoints, resume=True)
    assert (weights, figures(resumed)) == (expected, figures(history))


def test_started_on_one_library_and_resumed_on_another(tmp_path: Path) -> None:
    pytest.importorskip("array_api_strict")
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=checkpoints, callbacks=[InterruptAfter(4)])
    strict = backend.load("array_api_strict")
    _, history = trained(backend=strict, checkpoints=checkpoints, resume=True)
    expected = straight()[1][0]
    for epoch, (_, _, loss, *_) in zip(history, expected, strict=True):
        assert epoch.loss == pytest.approx(loss, rel=1e-5)
    assert (
        "backend was numpy and is now array_api_strict: the last bits may differ" in history.notes
    )


def test_resumed_on_another_processor_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, library = Checkpoints(tmp_path, every_steps=1), backend.load("numpy")
    with pytest.raises(KeyboardInterrupt):
        trained(backend=library, checkpoints=checkpoints, callbacks=[InterruptAfter(2)])
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=checkpoints, resume=True, callbacks=[InterruptAfter(4)])
    now = library.describe()
    other = {name: f"{now[name]}, another" for name in ("blas", "kernels", "simd")}
    monkeypatch.setattr(library, "describe", lambda: now | other)
    _, history = trained(backend=library, checkpoints=checkpoints, resume=True)
    assert [note for note in history.notes if "bits" in note] == [
        f"{name} was {now[name]} and is now {other[name]}: the last bits may differ"
        for name in other
    ]


def test_plateau_and_patience_go_by_the_history(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "epochs": 12,
        "optimizer": SGD(0.5),
        "schedule": Plateau(0, gamma=0.5, threshold=0.9),
        "patience": 3,
        "validate_every": None,
    }
    expected, history = trained(**changes)
    assert len({epoch.lr for epoch in history}) > 1
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trained(**changes, checkpoints=checkpoints, callbacks=[InterruptAfter(11)])
    weights, resumed = trained(**changes, checkpoints=checkpoints, resume=True)
    assert (weights, figures(resumed)) == (expected, figures(history))
    assert resumed.notes[1:] == history.notes


class StopAfter(Callback):
    """Ends a run well."""

    def on_step(self, step: int) -> None:
        if step == 5:
            raise StopTraining


def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    _, history = trained(checkpoints=checkpoints, callbacks=[StopAfter()])
    assert [epoch.step for epoch in history] == [3, 5]
    weights, history = trained(checkpoints=checkpoints, resume=True)
    assert (weights, figures(history)) == straight()


def test_a_run_out_of_time_goes_on_when_it_has_more(tmp_path: Path) -> None:
    checkpoints = interrupted(tmp_path)
    _, history = trained(checkpoints=checkpoints, resume=True, max_seconds=1e-9)
    assert history.notes[1:] == ["stopped after update 5: 1e-09 seconds are over"]
    assert trained(checkpoints=checkpoints, resume=True)[0] == straight()[0]


class FailAfter(Callback):
    """Has a defect."""

    def on_step(self, step: int) -> None:
        if step == 4:
            raise ZeroDivisionError


def test_an_error_of_a_callback_leaves_a_checkpoint(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(ZeroDivisionError):
        trained(checkpoints=checkpoints, callbacks=[FailAfter()])
    assert [path.name for path in checkpoints.files()] == ["step-000000004.safetensors"]
    assert trained(checkpoints=checkpoints, resume=True)[0] == straight()[0]


def interrupted(folder: Path) -> Checkpoints:
    """Return the checkpoints of a run broken off after update 5: of updates 4 and 5."""
    checkpoints = Checkpoints(folder, every_steps=1)
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=checkpoints, callbacks=[InterruptAfter(5)])
    return checkpoints


def test_resumed_with_tf32_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints, library = Checkpoints(tmp_path, every_steps=1), backend.load("numpy")
    now = library.describe()
    monkeypatch.setattr(library, "describe", lambda: now | {"tf32": "off"})
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=checkpoints, callbacks=[InterruptAfter(2)])
    with pytest.raises(KeyboardInterrupt):  # what has no TF32 says nothing of it
        trained(
            backend=library, checkpoints=checkpoints, resume=True, callbacks=[InterruptAfter(4)]
        )
    monkeypatch.setattr(library, "describe", lambda: now | {"tf32": "on"})
    _, history = trained(backend=library, checkpoints=checkpoints, resume=True)
    assert [note for note in history.notes if "tf32" in note] == [
        "tf32 was off and is now on: products are rounded otherwise, and results may differ"
    ]
