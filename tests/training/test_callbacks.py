"""The moments of a run: their order, ending it well at each, and errors in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.linear import linear, rows, weights
from xpcnn.errors import ConfigError, HealthWarning
from xpcnn.training import Callback, Checkpoints, Epoch, History, StopTraining, Validation

DATA = rows(20)
MOMENTS = ("on_start", "on_epoch_start", "on_step", "on_validation", "on_epoch_end", "on_end")


class Diary(Callback):
    """Writes down what it is told, and does something at one moment."""

    def __init__(self, moment: str = "", act: Callable[[], None] = lambda: None) -> None:
        self.moment, self.act = moment, act
        self.seen: list[str] = []

    def _write(self, moment: str, text: str) -> None:
        self.seen.append(text)
        if moment == self.moment:
            self.act()

    def on_start(self, history: History, done: int, total: int) -> None:
        self._write("on_start", f"start after {len(history)} epochs, {done} of {total} steps")

    def on_epoch_start(self, epoch: int) -> None:
        self._write("on_epoch_start", f"epoch {epoch}")

    def on_step(self, step: int) -> None:
        self._write("on_step", f"step {step}")

    def on_validation(self, record: Validation) -> None:
        self._write("on_validation", f"validation after {record.step}")

    def on_epoch_end(self, record: Epoch) -> None:
        self._write("on_epoch_end", f"epoch {record.epoch} ends after {record.step}")

    def on_note(self, text: str) -> None:
        self._write("on_note", text)

    def on_end(self, history: History) -> None:
        self._write("on_end", f"end after {len(history)} epochs")


def stop() -> None:
    raise StopTraining


def fail() -> None:
    raise ZeroDivisionError


def run(*callbacks: Callback, **options: Any) -> tuple[Any, History]:
    """Train for 2 epochs of 2 updates of up to 2 batches, validated every 3 updates."""
    model = linear()
    given = {"epochs": 2, "batch_size": 6, "accumulate": 2, "validate_every": 3}
    return model, model.fit(DATA, validation=DATA, callbacks=callbacks, **given | options)


def test_the_moments_of_a_run() -> None:
    diary, other = Diary(), Diary()
    run(diary, other)
    assert diary.seen == [
        "start after 0 epochs, 0 of 4 steps",
        "epoch 1",
        "step 1",
        "step 2",
        "validation after 2",
        "epoch 1 ends after 2",
        "epoch 2",
        "step 3",
        "validation after 3",
        "step 4",
        "validation after 4",
        "epoch 2 ends after 4",
        "end after 2 epochs",
    ]
    assert other.seen == diary.seen


def test_the_moments_of_a_run_that_is_resumed(tmp_path: Path) -> None:
    def interrupt() -> None:
        if broken.seen[-1] == "step 3":
            raise KeyboardInterrupt

    broken, diary = Diary("on_step", interrupt), Diary()
    with pytest.raises(KeyboardInterrupt) as caught:
        run(broken, checkpoints=Checkpoints(tmp_path))
    assert caught.value.__notes__ == ["The model has the weights after step 3."]
    run(diary, checkpoints=Checkpoints(tmp_path), resume=True)
    assert diary.seen == [
        "resumed after update 3",
        "start after 1 epochs, 3 of 4 steps",
        "epoch 2",
        "validation after 3",
        "step 4",
        "validation after 4",
        "epoch 2 ends after 4",
        "end after 2 epochs",
    ]


@pytest.mark.parametrize(
    ("moment", "seen"),
    [
        ("on_start", ["start after 0 epochs, 0 of 4 steps", "end after 0 epochs"]),
        ("on_epoch_start", ["epoch 1", "end after 0 epochs"]),
        ("on_step", ["step 1", "validation after 1", "epoch 1 ends after 1", "end after 1 epochs"]),
        ("on_validation", ["validation after 2", "epoch 1 ends after 2", "end after 1 epochs"]),
        ("on_epoch_end", ["epoch 1 ends after 2", "end after 1 epochs"]),
        ("on_end", ["epoch 2 ends after 4", "end after 2 epochs"]),
    ],
)
def test_stopping_at_every_moment(moment: str, seen: list[str]) -> None:
    """No further update; all callbacks hear of the moment, and the end."""
    diary, other = Diary(moment, stop), Diary()
    model, history = run(diary, other)
    assert diary.seen == other.seen
    assert diary.seen[-len(seen) :] == seen
    straight = linear()
    start = weights(straight)
    steps = int(diary.seen[-2].split()[-1]) if len(history) else 0
    if steps:
        straight.fit(DATA, epochs=2, batch_size=6, accumulate=2, max_steps=steps)
    expected = weights(straight) if steps else start
    assert [x.tobytes() for x in weights(model)] == [x.tobytes() for x in expected]


def test_stopping_at_a_validation_within_an_epoch() -> None:
    def at_three() -> None:
        if diary.seen[-1] == "validation after 3":
            raise StopTraining

    diary = Diary("on_validation", at_three)
    _, history = run(diary)
    assert diary.seen[-3:] == ["validation after 3", "epoch 2 ends after 3", "end after 2 epochs"]
    assert [v.step for v in history.validations] == [2, 3]


def test_stopping_at_a_note() -> None:
    diary = Diary("on_note", stop)
    _, history = run(diary, max_seconds=1e-9)
    assert diary.seen == [
        "start after 0 epochs, 0 of 4 steps",
        "stopped after update 0: 1e-09 seconds are over",
        "end after 0 epochs",
    ]
    assert history.notes == [diary.seen[1]]


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_error_leaves_the_model(moment: str) -> None:
    model = linear()
    before = [x.tobytes() for x in weights(model)]
    with pytest.raises(ZeroDivisionError):
        model.fit(DATA, epochs=2, validation=DATA, callbacks=[Diary(moment, fail)])
    assert [x.tobytes() for x in weights(model)] == before
    assert (model.mean, model.classes, model.provenance) == (None, None, {})
    model.fit(DATA, epochs=1)


def test_the_model_has_its_weights_at_the_end() -> None:
    model = linear()
    seen: list[bytes] = []
    diary = Diary("on_end", lambda: seen.append(weights(model)[0].tobytes()))
    model.fit(DATA, epochs=1, callbacks=[diary])
    assert seen == [weights(model)[0].tobytes()]


@pytest.mark.parametrize("moment", ["on_epoch_start", "on_step", "on_validation", "on_epoch_end"])
def test_a_stopped_run_is_in_a_checkpoint_and_goes_on(moment: str, tmp_path: Path) -> None:
    """To the same end, whatever moment stopped it."""

    def at_three() -> None:
        if "step 2" in diary.seen and diary.seen[-1] != "validation after 2":
            raise StopTraining

    diary = Diary(moment, at_three)
    run(diary, checkpoints=Checkpoints(tmp_path))
    if moment != "on_epoch_start":
        assert Checkpoints(tmp_path).files()
    model, history = run(checkpoints=Checkpoints(tmp_path), resume=True)
    expected, straight = run()
    assert [x.tobytes() for x in weights(model)] == [x.tobytes() for x in weights(expected)]
    assert history["loss"] == straight["loss"]
    assert history.validations == straight.validations


@pytest.mark.parametrize(
    ("method", "ours"),
    [
        ("on_epoch_begin", "on_epoch_start"),
        ("on_step_end", "on_step"),
        ("on_update_end", "on_step"),
        ("on_train_end", "on_end"),
        ("on_losss", "on_loss"),
    ],
)
def test_a_method_that_no_run_calls_is_named(method: str, ours: str) -> None:
    other = type("Other", (Callback,), {method: lambda self: None})
    message = f"^Other has a method '{method}', which no run calls\nTry: '{ours}' "
    with pytest.raises(ConfigError, match=message):
        linear().fit(DATA, epochs=1, callbacks=[other()])


def test_a_method_of_other_arguments_is_named_before_training() -> None:
    class Keras(Callback):
        def on_epoch_end(self, epoch: Any, logs: Any) -> None:  # type: ignore[override]
            raise AssertionError

    message = (
        "Keras.on_epoch_end cannot be called with record: missing a required argument: 'logs'\n"
        "Try: def on_epoch_end(self, record)"
    )
    with pytest.raises(ConfigError) as caught:
        linear().fit(DATA, epochs=1, callbacks=[Keras()])
    assert str(caught.value) == message

    class Loose(Callback):
        def on_epoch_end(self, *given: Any, **named: Any) -> None:
            pass

    assert len(linear().fit(DATA, epochs=1, callbacks=[Loose()])) == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_error_that_ends_loops_is_an_error_like_others(moment: str) -> None:
    def run_out() -> None:
        next(iter(()))

    with pytest.raises(StopIteration):  # not RuntimeError: generator raised StopIteration
        run(Diary(moment, run_out))


def test_a_length_beyond_the_end_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(HealthWarning, match="too long a warm-up in the schedule: it takes 4 upd"):
        _, history = run(warmup=4)
    assert history.notes[0].startswith("health: too long a warm-up")
    _, silent = run(warmup=4, health=False)
    assert silent.notes == []
    _, may_continue = run(warmup=4, checkpoints=Checkpoints(tmp_path))
    assert may_continue.notes == []
