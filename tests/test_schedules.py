import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from xpcnn import schedules
from xpcnn.errors import ConfigError
from xpcnn.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
    Warmup,
)

HALF = (1 + math.sqrt(0.5)) / 2
"""(1 + cos(π/4)) / 2"""


def values(schedule: Schedule, total: int, count: int | None = None) -> list[float]:
    return [schedule(step, total) for step in range(total if count is None else count)]


@pytest.mark.parametrize(
    ("schedule", "total", "expected"),
    [
        (Constant(), 3, [1, 1, 1]),
        (Step(2, gamma=0.5), 6, [1, 1, 0.5, 0.5, 0.25, 0.25]),
        (Step(gamma=0.5), 6, [1, 1, 0.5, 0.5, 0.25, 0.25]),
        (MultiStep((1, 4), gamma=0.5), 6, [1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        (MultiStep(gamma=0.5), 8, [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]),
        (MultiStep((0.28,), gamma=0.5), 25, [1] * 7 + [0.5] * 18),  # 0.28 * 25 > 7 by rounding
        (Exponential(1, gamma=0.5), 4, [1, 0.5, 0.25, 0.125]),
        (Exponential(0.5, gamma=0.25), 4, [1, 0.5, 0.25, 0.125]),
        (Polynomial(), 4, [1, 0.75, 0.5, 0.25]),
        (Polynomial(2.0, final=0.5), 4, [1, 0.78125, 0.625, 0.53125]),
        (Cosine(), 4, [1, HALF, 0.5, 1 - HALF]),
        (Cosine(final=0.5), 2, [1, 0.75]),
        (CosineRestarts(2), 6, [1, 0.5, 1, HALF, 0.5, 1 - HALF]),
        (CosineRestarts(3, factor=1.0), 6, [1, 0.5, 1, 0.5, 1, 0.5]),
        # up over steps 0 to 2, down over steps 2 to 6
        (
            OneCycle(3, start=0.5, final=0.0),
            7,
            [0.5, 0.75, 1, HALF, 0.5, 1 - HALF, 0],
        ),
        (Warmup(3), 5, [0.25, 0.5, 0.75, 1, 1]),
        (Warmup(0.5, Polynomial()), 4, [1 / 3, 2 / 3, 1, 0.5]),
        # it ends where the other begins
        (Warmup(1, OneCycle(2, start=0.5, final=0.0)), 4, [0.25, 0.5, 1, 0]),
    ],
)
def test_by_hand(schedule: Schedule, total: int, expected: list[float]) -> None:
    assert values(schedule, total) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("schedule", "last"),
    [
        (Constant(), 1.0),
        (Step(), 1e-3),
        (MultiStep(), 1e-2),
        (Exponential(), 1e-3),
        (Polynomial(final=0.25), 0.25),
        (Cosine(final=0.25), 0.25),
        (CosineRestarts(final=0.25), 0.25),
        (OneCycle(), 4e-6),
        (Warmup(0.1, Cosine(final=0.25)), 0.25),
    ],
)
def test_the_last_value_holds(schedule: Schedule, last: float) -> None:
    assert [schedule(step, 30) for step in (30, 31, 1000)] == pytest.approx([last] * 3, rel=1e-12)


@pytest.mark.parametrize("make", schedules.BY_NAME.values())
@pytest.mark.parametrize("total", [1, 2, 3, 5, 100])
def test_any_length_of_run(make: Callable[[], Schedule], total: int) -> None:
    """Every value is from 0 to 1; OneCycle's peak may lie between two steps, as in PyTorch."""
    for schedule in (make(), Warmup(2, make())):
        seen = values(schedule, total)
        assert all(isinstance(value, float) and 0.0 <= value <= 1.0 for value in seen)
    assert max(values(make(), total)) > 0.9


def of_pytorch(make: Callable[[Any], Any], count: int) -> list[float]:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    seen = []
    for _ in range(count):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # SequentialLR's own call is deprecated
            scheduler.step()
    return seen


def sequential(optimizer: Any) -> Any:
    from torch.optim import lr_scheduler as lr

    rise = lr.LinearLR(optimizer, start_factor=1 / 6, total_iters=5)
    return lr.SequentialLR(optimizer, [rise, lr.CosineAnnealingLR(optimizer, 25)], milestones=[5])


def scheduler(name: str, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    def make(optimizer: Any) -> Any:
        from torch.optim import lr_scheduler

        return getattr(lr_scheduler, name)(optimizer, *args, **kwargs)

    return make


@pytest.mark.parametrize(
    ("schedule", "total", "theirs"),
    [
        (Step(7, gamma=0.3), 30, scheduler("StepLR", 7, gamma=0.3)),
        (MultiStep((20, 5), gamma=0.3), 30, scheduler("MultiStepLR", [5, 20], gamma=0.3)),
        (Exponential(1, gamma=0.9), 30, scheduler("ExponentialLR", 0.9)),
        (Polynomial(1.5), 30, scheduler("PolynomialLR", 30, power=1.5)),
        (Cosine(final=0.1), 30, scheduler("CosineAnnealingLR", 30, eta_min=0.1)),
        (
            CosineRestarts(3, factor=2.0, final=0.1),
            70,
            scheduler("CosineAnnealingWarmRestarts", 10, T_mult=2, eta_min=0.1),
        ),
        (OneCycle(), 50, scheduler("OneCycleLR", 1.0, 50, cycle_momentum=False)),
        (
            OneCycle(0.25, start=0.1, final=0.001),
            50,
            scheduler(
                "OneCycleLR",
                1.0,
                50,
                pct_start=0.25,
                div_factor=10,
                final_div_factor=100,
                cycle_momentum=False,
            ),
        ),
        (Warmup(5, Cosine()), 30, sequential),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "__dataclass_fields__") else "",
)
def test_equal_to_pytorch(schedule: Schedule, total: int, theirs: Callable[[Any], Any]) -> None:
    assert values(schedule, total) == pytest.approx(of_pytorch(theirs, total), rel=1e-9, abs=1e-12)


def test_make() -> None:
    assert schedules.make("step", every=10, gamma=0.5) == Step(10, gamma=0.5)
    assert schedules.make("multi-step", at=[3, 0.5]) == MultiStep((3, 0.5))
    names = (
        "constant step multi-step exponential polynomial cosine cosine-restarts one-cycle plateau"
    )
    assert list(schedules.BY_NAME) == names.split()


def test_options_become_plain_numbers() -> None:
    step = Step(numpy.float64(0.5), gamma=numpy.float64(0.5))
    assert repr([step.every, step.gamma, step(4, 6)]) == "[0.5, 0.5, 0.5]"


@pytest.mark.parametrize(
    ("make", "options", "text"),
    [
        (
            schedules.make,
            {"name": "cosine", "finl": 0.1},
            "schedule 'cosine' has no option 'finl'\nTry: 'final' (valid: final)",
        ),
        (
            schedules.make,
            {"name": "constant", "gamma": 0.1},
            "schedule 'constant' has no option 'gamma'\nTry: one of factor",
        ),
        (
            Step,
            {"every": 1.5},
            "Step: every must be a whole number of steps (int) or a fraction of all steps (float "
            "between 0 and 1), got 1.5\nTry: every=100 for steps, every=0.1 for a tenth of the run",
        ),
        (Step, {"every": 0}, "Step: every must be a whole number of steps (int) or a fraction"),
        (Step, {"every": math.nan}, "Step: every must be a whole number of steps (int) or a"),
        (MultiStep, {"at": (0.5, -1)}, "MultiStep: at must be a whole number of steps (int) or"),
        (OneCycle, {"peak": 1.0}, "OneCycle: peak must be a whole number of steps (int) or a"),
        (Warmup, {"steps": "5"}, "Warmup: steps must be a whole number of steps (int) or a"),
        (Step, {"gamma": -1}, "Step: gamma must be a finite number >= 0, got -1\nTry: "),
        (Cosine, {"final": 2}, "Cosine: final must be a number >= 0 and < 1, got 2\nTry: "),
        (
            CosineRestarts,
            {"cycles": 0},
            "CosineRestarts: cycles is 0, expected a whole number of at least 1\n"
            "Try: cycles=3, or more",
        ),
        (
            CosineRestarts,
            {"cycles": 2.5},
            "CosineRestarts: cycles is 2.5, expected a whole number of at least 1\nTry: ",
        ),
        (
            CosineRestarts,
            {"factor": 0.5},
            "CosineRestarts: factor must be a finite number >= 1, got 0.5\nTry: ",
        ),
    ],
)
def test_refusals(make: Callable[..., Any], options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**options)
    assert str(caught.value).startswith(text)
