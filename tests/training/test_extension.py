"""A finished run continues to more epochs as if it had been asked for them from the start."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.test_resume import figures, trained
from xpcnn.errors import ConfigError
from xpcnn.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Step,
)
from xpcnn.training import Checkpoints

UPDATES = 3  # of an epoch


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": Constant()},
        {"schedule": Step(4)},
        {"schedule": MultiStep((2, 7)), "warmup": 0},
        {"schedule": Exponential(1, gamma=0.9)},
        {"schedule": Plateau(0)},
        {"schedule": Cosine(), "max_steps": 5},  # which both numbers of epochs exceed
    ],
    ids=str,
)
def test_a_longer_run_equals_one_that_was_long_from_the_start(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    changes = {"unfreeze_after": None} | changes  # else the first two epochs have the best weights
    changes["health"] = False  # it would warn of schedules that go on after the short run
    expected, history = trained(**changes, epochs=4)
    checkpoints = Checkpoints(tmp_path)
    short, _ = trained(**changes, epochs=2, checkpoints=checkpoints)
    weights, longer = trained(**changes, epochs=4, checkpoints=checkpoints, resume=True)
    assert (weights, figures(longer)) == (expected, figures(history))
    assert "epochs was 2 and is now 4" in longer.notes
    assert (weights == short) == ("max_steps" in changes)


@pytest.mark.parametrize("most", [7, None])
def test_a_run_that_max_steps_has_ended_continues(most: int | None, tmp_path: Path) -> None:
    """From the middle of its second epoch, as one of that length from the start."""
    changes: dict[str, Any] = {"schedule": Constant(), "health": False, "unfreeze_after": None}
    expected, history = trained(**changes, max_steps=most)
    changes["checkpoints"] = Checkpoints(tmp_path)
    trained(**changes, max_steps=5)
    weights, longer = trained(**changes, max_steps=most, resume=True)
    assert (weights, figures(longer)) == (expected, figures(history))
    assert f"max_steps was 5 and is now {most or 'none'}" in longer.notes
    with pytest.raises(ConfigError, match="max_steps is 6, and the run has made "):
        trained(**changes, max_steps=6, resume=True)


@pytest.mark.parametrize(
    ("changes", "update"),
    [
        ({"schedule": Cosine()}, 2),
        ({"schedule": Polynomial()}, 2),
        ({"schedule": CosineRestarts()}, 2),
        ({"schedule": OneCycle()}, 2),
        ({"schedule": Step(0.5)}, 4),
        ({"schedule": Constant(), "warmup": 0.5}, 1),
    ],
    ids=str,
)
def test_a_schedule_over_all_updates_is_rejected_with_the_update(
    changes: dict[str, Any], update: int, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path)
    changes = {"warmup": 0} | changes
    trained(**changes, epochs=2, checkpoints=checkpoints)
    with pytest.raises(ConfigError) as caught:
        trained(**changes, epochs=4, checkpoints=checkpoints, resume=True)
    message, advice = str(caught.value).split("\nTry: ")
    assert message.startswith("epochs was 2 and is now 4: the schedule ")
    assert f": update {update} had the learning rate " in message
    assert advice.startswith("a new run from these weights: ")


@pytest.mark.parametrize("schedule", [Constant(), Cosine()])
def test_fewer_epochs_than_were_trained_are_rejected(schedule: Schedule, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    trained(schedule=schedule, epochs=2, checkpoints=checkpoints)
    with pytest.raises(ConfigError) as caught:
        trained(schedule=schedule, epochs=1, checkpoints=checkpoints, resume=True)
    assert str(caught.value) == (
        "epochs is 1, and the run has trained 2 already\nTry: epochs=2 or more, or a new run"
    )
