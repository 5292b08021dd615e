"""When a run validates, when it ends, and with which weights."""

from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.lib import Host
from tests.training.linear import batches, close, gradients, linear, loss, rows, weights
from tests.training.test_resume import InterruptAfter
from xpcnn import Model
from xpcnn.errors import ConfigError
from xpcnn.optimizers import SGD
from xpcnn.training import Checkpoints, History, Validation

DATA = rows(20)
OTHERS = rows(30, seed=5)
OTHERS[1][::4] = (OTHERS[1][::4] + 1) % 3
WILD = 10.0
"""A learning rate at which the validation loss goes up and down: after updates 1 to 12 it is
3.84 2.99 4.49, 2.83 2.84 2.84, 2.55 2.59 2.60, 3.49 3.50 3.50."""


def run(**options: Any) -> tuple[Model, History]:
    """Train for 4 epochs of 3 updates."""
    model = linear()
    given: dict[str, Any] = {
        "epochs": 4,
        "batch_size": 8,
        "validation": OTHERS,
        "optimizer": SGD(WILD),
    }
    return model, model.fit(DATA, **given | options)


def states(model: Model) -> list[list[Host]]:
    """Return the weights before the first update of `run` and after each."""
    seen = [weights(linear())]
    for x, labels in batches(model, DATA, 4, 8):
        steps = zip(seen[-1], gradients(seen[-1], x, labels), strict=True)
        seen.append([p - WILD * g for p, g in steps])
    return seen


def figures(model: Model, p: list[Host]) -> tuple[float, float]:
    """Return loss and accuracy on the validation part."""
    x = (OTHERS[0] - numpy.asarray(model.mean)) / numpy.asarray(model.std)
    right = numpy.argmax(x @ p[0] + p[1], axis=1) == OTHERS[1]
    return loss(p, x, OTHERS[1]), float(right.mean())


def same(model: Model, expected: list[Host]) -> bool:
    return close(weights(model), expected)


def test_validations_and_epochs_of_a_small_run() -> None:
    model, history = run(epochs=2, validate_every=2)
    found = [figures(model, p) for p in states(model)]
    assert [(v.step, v.accuracy) for v in history.validations] == [
        (step, found[step][1]) for step in (2, 3, 4, 6)
    ]
    assert [v.loss for v in history.validations] == pytest.approx(
        [found[step][0] for step in (2, 3, 4, 6)], rel=1e-9
    )
    second, fourth = history.validations[1], history.validations[3]
    assert [(e.epoch, e.step, e.lr, e.val_loss, e.val_accuracy) for e in history] == [
        (1, 3, WILD, second.loss, second.accuracy),
        (2, 6, WILD, fourth.loss, fourth.accuracy),
    ]
    seen = states(model)
    steps = enumerate(batches(model, DATA, 2, 8))
    sums = [loss(seen[i], x, labels) * len(x) / 20 for i, (x, labels) in steps]
    assert history["loss"] == pytest.approx([sum(sums[:3]), sum(sums[3:])], rel=1e-9)


@pytest.mark.parametrize(("monitor", "place"), [("val_loss", 0), ("val_accuracy", 1)])
@pytest.mark.parametrize("every", [None, 1, 2])
def test_the_best_weights(monitor: str, place: int, every: int | None) -> None:
    model, history = run(monitor=monitor, keep_best=True, validate_every=every)
    steps = [step for step in range(1, 13) if step % 3 == 0 or (every and step % every == 0)]
    assert [v.step for v in history.validations] == steps
    seen = states(model)
    scores = [figures(model, seen[step])[place] for step in steps]
    best = min(scores) if place == 0 else max(scores)
    expected = steps[scores.index(best)]  # the first of equal ones
    assert expected != steps[-1]
    assert same(model, seen[expected])
    assert history.best(monitor) == steps.index(expected)


def test_without_keep_best_the_last_weights() -> None:
    model, _ = run()
    assert same(model, states(model)[12])


@pytest.mark.parametrize(
    ("patience", "every", "last", "best"),
    [(2, 1, 6, 4), (3, 1, 10, 7), (1, None, 12, 9), (1, 2, 3, 2)],
)
def test_patience(patience: int, every: int | None, last: int, best: int) -> None:
    model, history = run(patience=patience, validate_every=every)
    assert history["step"][-1] == history.validations[-1].step == last
    assert history.notes == [
        f"stopped after update {last}: {patience} validations without a better val_loss than "
        f"after update {best}"
    ]
    assert same(model, states(model)[best])


@pytest.mark.parametrize(
    ("limit", "steps"), [(1, [1]), (3, [3]), (7, [3, 6, 7]), (99, [3, 6, 9, 12])]
)
def test_max_steps(limit: int, steps: list[int]) -> None:
    model, history = run(max_steps=limit)
    assert history["step"] == steps
    assert same(model, states(model)[steps[-1]])
    assert [v.step for v in history.validations] == steps


def test_max_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that goes on by a second whenever it is read."""
    now = iter(range(1000))
    monkeypatch.setattr("xpcnn.training.run_state.time.perf_counter", lambda: float(next(now)))
    _, history = run(max_seconds=10)
    step = history["step"][-1]
    assert 0 < step < 12
    assert history.notes == [f"stopped after update {step}: 10 seconds are over"]


@pytest.mark.parametrize("limit", [{"max_steps": 7}, {"patience": 3, "validate_every": 1}])
def test_a_run_that_has_stopped_is_resumed_to_the_same_end(
    limit: dict[str, Any], tmp_path: Path
) -> None:
    """Also what its last, cut epoch had to say: the validation at the end may be the best."""
    limit = {"keep_best": True, "optimizer": SGD(0.5), **limit}
    if "patience" in limit:
        limit["optimizer"] = SGD(WILD)
    expected, straight = run(**limit)
    run(**limit, checkpoints=Checkpoints(tmp_path))
    model, history = run(**limit, checkpoints=Checkpoints(tmp_path), resume=True)
    assert history.validations == straight.validations
    assert history["step"] == straight["step"]
    assert history["loss"] == straight["loss"]
    assert same(model, weights(expected))


def test_broken_off_where_the_next_validation_would_have_stopped_it(tmp_path: Path) -> None:
    options: dict[str, Any] = {"patience": 3, "validate_every": 1}
    expected, straight = run(**options)
    last = straight["step"][-1]
    assert last == 10  # within an epoch
    folder = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(**options, checkpoints=folder, callbacks=[InterruptAfter(last)])
    model, history = run(**options, checkpoints=folder, resume=True)
    assert history["step"] == straight["step"]
    assert history.validations == straight.validations
    assert same(model, weights(expected))


@pytest.mark.parametrize(
    "option", [{"keep_best": True}, {"patience": 1}, {"validate_every": 1}, {"metrics": ["f1"]}]
)
@pytest.mark.parametrize("validation", [None, 0.0])
def test_nothing_to_validate_on(option: dict[str, Any], validation: float | None) -> None:
    with pytest.raises(ConfigError) as caught:
        run(**option, validation=validation)
    assert str(caught.value) == (
        "keep_best, patience, validate_every and metrics need data to validate on\n"
        "Try: validation=0.1, a tenth of the training data"
    )


def test_the_best_of_a_history() -> None:
    steps = [(1, 0.5, 0.1), (2, 0.3, 0.9), (3, 0.3, 0.2), (4, 0.4, 0.9)]
    history = History(validations=[Validation(*values, True) for values in steps])
    assert (history.best("val_loss"), history.best("val_accuracy")) == (1, 1)
    assert History().best("val_loss") is None


def test_the_best_by_a_metric() -> None:
    """The higher the better of some, the lower of others; one that is NaN is no best."""
    found = [{"f1": f1, "log_loss": f1} for f1 in (None, 0.5, 0.9, 0.1)]
    steps = enumerate(found, 1)
    history = History(validations=[Validation(step, 1.0, 0.5, True, m) for step, m in steps])
    assert (history.best("val_f1"), history.best("val_log_loss")) == (2, 3)
