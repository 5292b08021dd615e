"""Checkpoints that are damaged, of another run, or cannot be written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.io.forged_files import forge
from tests.training.test_resume import UPDATES, InterruptAfter, interrupted, straight, trained
from tests.training.test_step import digits
from xpcnn.errors import CheckpointError, ConfigError
from xpcnn.optimizers import SGD
from xpcnn.training import Callback, Checkpoints


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
    trained(checkpoints=Checkpoints(tmp_path), epochs=1, unfreeze_after=None)
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
