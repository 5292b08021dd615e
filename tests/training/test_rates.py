"""The learning rates of a run: warm-up in front of any schedule, and the reaction to the loss."""

import math
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from tests.training.linear import linear, rows
from xpcnn import schedules
from xpcnn.errors import ConfigError
from xpcnn.optimizers import SGD
from xpcnn.schedules import Constant, Cosine, Plateau, Schedule, Warmup, after_losses
from xpcnn.training import History, TrainingOptions

DATA = rows(20)


def run(**options: Any) -> History:
    return linear().fit(DATA, **{"batch_size": 10, "epochs": 4} | options)


@pytest.mark.parametrize(
    ("plateau", "losses", "factors"),
    [
        # patience 1: the second epoch in a row without a better loss lowers the rate
        (Plateau(1, gamma=0.5), [4, 3, 3, 3, 2, 3, 3], [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
        (Plateau(0, gamma=0.5, least=0.2), [1, 1, 1, 1, 1], [1, 1, 0.5, 0.25, 0.2, 0.2]),
        # better is less than 0.9 of the best
        (Plateau(0, gamma=0.5, threshold=0.1), [10, 9.1, 8.9, 8], [1, 1, 0.5, 0.5, 0.5]),
        (Plateau(0, gamma=0.5, threshold=0.1), [10, 9, 8.99], [1, 1, 0.5, 0.5]),
    ],
)
def test_plateau_by_eye(plateau: Plateau, losses: list[float], factors: list[float]) -> None:
    assert [after_losses(plateau, losses[:n]) for n in range(len(losses) + 1)] == [
        Constant(factor) for factor in factors
    ]


@pytest.mark.parametrize("patience", [0, 1, 4])
@pytest.mark.parametrize("threshold", [0.0, 1e-4, 0.2])
@pytest.mark.parametrize("least", [0.0, 0.03])
def test_plateau_equal_to_pytorch(patience: int, threshold: float, least: float) -> None:
    torch = pytest.importorskip("torch")
    plateau = Plateau(patience, gamma=0.3, threshold=threshold, least=least)
    for seed in range(10):
        losses = numpy.random.default_rng(seed).integers(1, 9, 40) / 8 + 1 / numpy.arange(1, 41)
        sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
            sgd, factor=0.3, patience=patience, threshold=threshold, min_lr=least, eps=0.0
        )
        for n, loss in enumerate(losses.tolist(), start=1):
            theirs.step(loss)
            rate = after_losses(plateau, losses[:n].tolist())(0, 1)
            assert rate == pytest.approx(sgd.param_groups[0]["lr"], rel=1e-12)


def test_plateau_behind_a_warmup() -> None:
    schedule = after_losses(Warmup(3, Plateau(0, gamma=0.5)), [1.0, 1.0])
    assert schedule == Warmup(3, Constant(0.5))
    assert [schedule(step, 9) for step in range(5)] == [0.125, 0.25, 0.375, 0.5, 0.5]


def expected_rates(losses: list[float], plateau: Plateau) -> list[float]:
    return [0.5 * after_losses(plateau, losses[:epoch])(0, 1) for epoch in range(len(losses))]


@pytest.mark.parametrize("figure", ["loss", "val_loss"])
def test_plateau_goes_by_the_validation_loss_or_that_of_training(figure: str) -> None:
    """Labels at random: the training loss falls, that of the validation part does not."""
    others = rows(9)[0], numpy.arange(9) % 3
    plateau = Plateau(0, gamma=0.5, threshold=0.3)
    validation = others if figure == "val_loss" else None
    history = run(epochs=6, optimizer=SGD(0.5), schedule=plateau, validation=validation)
    assert history["lr"] == expected_rates(history[figure], plateau)
    assert len(set(history["lr"])) > 1
    if figure == "val_loss":
        assert history["lr"] != expected_rates(history["loss"], plateau)


def test_plateau_behind_the_warmup_of_a_run() -> None:
    plateau = Plateau(0, gamma=0.5, threshold=0.9)
    history = run(optimizer=SGD(0.5), schedule=plateau, warmup=3)
    # updates 2, 4, 6 and 8; the second epoch is not better by nine tenths, nor are the others
    assert history["lr"] == [0.5 * 2 / 4, 0.5, 0.25, 0.125]


@pytest.mark.parametrize("make", schedules.BY_NAME.values(), ids=list(schedules.BY_NAME))
@pytest.mark.parametrize("warmup", [1, 3, 0.5])
def test_warmup_in_front_of_any(make: Callable[[], Schedule], warmup: int | float) -> None:
    whole = TrainingOptions(schedule=make(), warmup=warmup).whole_schedule()
    assert whole == Warmup(warmup, make())
    steps = round(warmup * 10) if isinstance(warmup, float) else warmup
    inner = make()
    expected = [(t + 1) / (steps + 1) * inner(0, 10 - steps) for t in range(steps)]
    expected += [inner(t, 10 - steps) for t in range(10 - steps)]
    assert [whole(t, 10) for t in range(10)] == pytest.approx(expected, rel=1e-12)


def test_warmup_of_a_run() -> None:
    """4 updates an epoch; the last of each is what the history has."""
    history = run(batch_size=5, epochs=2, optimizer=SGD(0.5), warmup=0.25, schedule=Cosine())
    assert history["lr"] == pytest.approx(
        [0.5 * (1 + math.cos(math.pi * k / 6)) / 2 for k in (1, 5)], rel=1e-12
    )
    assert TrainingOptions().whole_schedule() == Constant()


def test_the_schedule_is_as_long_as_the_run() -> None:
    """max_steps shortens it, accumulate too: 2 updates of 3 batches an epoch, at most 5."""
    options = {"optimizer": SGD(1.0), "schedule": schedules.Polynomial(), "batch_size": 4}
    assert run(**options, epochs=3, accumulate=3)["lr"] == pytest.approx([5 / 6, 3 / 6, 1 / 6])
    short = run(**options, epochs=3, accumulate=3, max_steps=5)
    assert short["lr"] == pytest.approx([4 / 5, 2 / 5, 1 / 5])
    longer = run(**options, epochs=3, accumulate=3, max_steps=50)
    assert longer["lr"] == pytest.approx([5 / 6, 3 / 6, 1 / 6])


def broken(value: Any) -> Schedule:
    """Return a schedule that is well for 5 updates."""

    def own(step: int, total_steps: int, /) -> Any:
        return 1.0 if step < 5 else value

    return own


@pytest.mark.parametrize(
    ("value", "got"),
    [(math.nan, "nan"), (math.inf, "inf"), (-1e-9, "-1e-09"), (None, "NoneType"), ("1", "str")],
)
def test_what_a_schedule_must_not_give(value: Any, got: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(schedule=broken(value))
    assert str(caught.value) == (
        f"schedule own gives {got} at step 5 of 8\n"
        "Try: a finite factor >= 0 for every step, counted from 0"
    )


def test_a_schedule_may_give_what_is_a_number() -> None:
    given: Any = [0, numpy.float32(0.5), 3]
    rates = [run(schedule=broken(value), optimizer=SGD(0.5))["lr"][-1] for value in given]
    assert rates == [0.0, 0.25, 1.5]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"patience": -1}, "Plateau: patience is -1, expected a whole number of at least 0"),
        (
            {"patience": 1.5},
            "Plateau: patience is 1.5, expected a whole number of at least 0",
        ),
        ({"patience": True}, "Plateau: patience is True, expected a whole number of at least 0"),
        ({"gamma": 1.0}, "Plateau: gamma must be a number >= 0 and < 1, got 1\nTry: "),
        ({"threshold": -0.1}, "Plateau: threshold must be a number >= 0 and < 1, got -0.1\nTry: "),
        ({"least": 1.1}, "Plateau: least must be a number >= 0 and <= 1, got 1.1\nTry: "),
    ],
)
def test_plateau_refuses(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        schedules.make("plateau", **options)
    assert str(caught.value).startswith(text)


def test_a_schedule_of_one_argument_is_told_before_training() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingOptions(schedule=lambda epoch: 0.9**epoch)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "schedule cannot be called as schedule(step, total_steps): too many positional arguments\n"
        "Try: schedule=lambda step, total: 1 - step / total"
    )
