"""A run broken off anywhere and resumed ends as if nothing had happened, to the last bit."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.io.forge import forge
from tests.lib import Lib
from tests.training.test_step import digits
from xpcnn import Model, backend
from xpcnn.data.augment import Crop, CutMix, Flip, Noise
from xpcnn.errors import CheckpointError, ConfigError
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


def test_a_damaged_newest_falls_back_one_generation(tmp_path: Path) -> None:
    checkpoints = interrupted(tmp_path)
    newest = checkpoints.files()[0]
    newest.write_bytes(newest.read_bytes()[:-9])
    weights, history = trained(checkpoints=checkpoints, resume=True)
    assert weights == straight()[0]
    resumed, fallen = history.notes
    assert resumed == "resumed after update 4"
    assert fallen.startswith(f"{newest} is not a complete safetensors file: ")
    assert fallen.endswith("; went back to step-000000004.safetensors")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda table: table.update(passes="6"), "passes is '6', expected a whole number"),
        (
            lambda table: table.update(epochs=[{}]),
            "epochs.0: epoch and loss and ",
        ),
        (lambda table: table.update(format=9), "has format 9, written by a later xpcnn"),
        (lambda table: table.pop("history", table.pop("notes")), "notes is missing"),
    ],
)
def test_a_lying_newest_falls_back_too(
    change: Callable[[dict[str, Any]], object], text: str, tmp_path: Path
) -> None:
    checkpoints = interrupted(tmp_path)
    forge(checkpoints.files()[0], change)
    weights, history = trained(checkpoints=checkpoints, resume=True)
    assert weights == straight()[0]
    assert text in history.notes[1]


def test_one_bit_that_flipped_is_found(tmp_path: Path) -> None:
    checkpoints = interrupted(tmp_path)
    newest = checkpoints.files()[0]
    content = bytearray(newest.read_bytes())
    content[-5] ^= 1
    newest.write_bytes(content)
    weights, history = trained(checkpoints=checkpoints, resume=True)
    assert weights == straight()[0]
    assert history.notes[1] == (
        f"{newest} is damaged: its content is not what was written (SHA-256 differs); went back to "
        "step-000000004.safetensors"
    )
    assert newest.with_suffix(".damaged").read_bytes() == content  # and counts no more
    assert newest not in checkpoints.files()


def test_other_peoples_files_stay(tmp_path: Path) -> None:
    ours = tmp_path / ".step-000000007.safetensors.0123abcd.tmp"
    others = [tmp_path / name for name in ("thesis.tmp", ".step-1.safetensors.x.tmp", ".a.tmp")]
    for path in (ours, *others):
        path.touch()
    trained(checkpoints=Checkpoints(tmp_path), epochs=1)
    assert not ours.exists()
    assert all(path.exists() for path in others)


def test_options_without_a_form_of_their_own_are_said(tmp_path: Path) -> None:
    def half(step: int, total: int) -> float:
        return 0.5

    changes: dict[str, Any] = {"schedule": half, "checkpoints": Checkpoints(tmp_path)}
    with pytest.raises(KeyboardInterrupt):
        trained(**changes, callbacks=[InterruptAfter(2)])
    _, history = trained(**changes, resume=True)
    assert history.notes[1:] == ["schedule cannot be compared with that of the saved run"]


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


def test_no_readable_checkpoint_is_an_error(tmp_path: Path) -> None:
    checkpoints = interrupted(tmp_path)
    for path in checkpoints.files():
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"^no checkpoint can be read: .*\nTry: start the "):
        trained(checkpoints=checkpoints, resume=True)


def test_places_beyond_the_run_are_refused(tmp_path: Path) -> None:
    checkpoints = interrupted(tmp_path)
    forge(checkpoints.files()[0], lambda table: table.update(passes=99))
    with pytest.raises(CheckpointError, match=r"^a checkpoint has 99 batches in 1 epoch\nTry: "):
        trained(checkpoints=checkpoints, resume=True)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"seed": 3}, "seed is 3, and was 2"),
        ({"mean": (7.0,)}, r"mean is \(7.0,\), and was "),
        ({"batch_size": 5}, "batch_size is 5, and was 4"),
        ({"optimizer": SGD(0.1)}, r"optimizer is SGD\(lr=0.1, .*, and was Adam\("),
        (
            {"validation": digits(5)},
            r"the validation data changed \(5 samples now, 6 samples then\)",
        ),
        (
            {"validation": None, "keep_best": False, "validate_every": None},
            r"the validation data changed \(none now, 6 samples then\)",
        ),
    ],
)
def test_another_run_is_refused(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    checkpoints = interrupted(tmp_path)
    message = rf"^the checkpoint belongs to another run: {text}"
    with pytest.raises(ConfigError, match=message):
        trained(**changes, checkpoints=checkpoints, resume=True)


def test_a_run_never_writes_over_another(tmp_path: Path) -> None:
    checkpoints = interrupted(tmp_path)
    with pytest.raises(CheckpointError) as error:
        trained(checkpoints=checkpoints)
    assert str(error.value) == (
        f"{tmp_path} has checkpoints already: step-000000005.safetensors\n"
        "Try: resume=True to resume the run, or another folder"
    )


class InTheWay(Callback):
    """Puts a folder where the next checkpoint is to be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_step(self, step: int) -> None:
        if step == 4:
            (self.folder / f"step-{step:09}.safetensors" / "inside").mkdir(parents=True)


def test_a_checkpoint_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, every_steps=2)
    weights, history = trained(checkpoints=checkpoints, callbacks=[InTheWay(tmp_path)])
    assert weights == straight()[0]
    path = tmp_path / "step-000000004.safetensors"
    assert history.notes == [
        f"no checkpoint after update 4: {path} cannot be written: it is a folder\n"
        "Try: a file name in that folder"
    ]
    assert [path.name for path in checkpoints.files()] == [
        "step-000000009.safetensors",
        "step-000000008.safetensors",
    ]


def interrupted(folder: Path) -> Checkpoints:
    """Return the checkpoints of a run broken off after update 5: of updates 4 and 5."""
    checkpoints = Checkpoints(folder, every_steps=1)
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=checkpoints, callbacks=[InterruptAfter(5)])
    return checkpoints


def test_checkpoints_of_before_samples_were_counted_are_compared_by_hash(tmp_path: Path) -> None:
    checkpoints = interrupted(tmp_path)
    for path in checkpoints.files():
        forge(path, lambda table: table["run"].pop("samples"))
    with pytest.raises(ConfigError, match=r"data changed \(5 samples now, unknown then\)"):
        trained(validation=digits(5), checkpoints=checkpoints, resume=True)
    assert trained(checkpoints=checkpoints, resume=True)[0] == straight()[0]


def test_checkpoints_of_before_an_option_are_of_its_default(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    changes: dict[str, Any] = {"unfreeze_after": None, "ema": None, "checkpoints": checkpoints}
    expected, _ = trained(**changes, epochs=2)
    for path in checkpoints.files():
        forge(path, lambda table: (table["run"].pop("unfreeze_after"), table["run"].pop("swa")))
    with pytest.raises(ConfigError, match="swa is 1, and was None"):
        trained(**changes | {"swa": 1}, epochs=2, resume=True)
    assert trained(**changes, epochs=2, resume=True)[0] == expected


def test_another_folder_may_become_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Moves(Callback):
        def on_step(self, step: int) -> None:
            monkeypatch.chdir("/")

    monkeypatch.chdir(tmp_path)
    _, history = trained(checkpoints=Checkpoints("run", every_steps=1), callbacks=[Moves()])
    assert history.notes == []
    assert (tmp_path / "run" / f"step-{UPDATES:09}.safetensors").exists()


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
