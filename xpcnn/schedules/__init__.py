"""Schedules: the factor of the base learning rate as a function of progress alone.

`schedule(step, total_steps) -> float` on the host: `step` counts the updates done, from 0; from
`total_steps` on, the last value stays. In the formulas t is the step and T is `total_steps`. A
length is a whole number of steps (int) or a fraction of T (float between 0 and 1). Where a
scheduler of PyTorch is named, values equal its values. Schedules keep no state, so a run resumes at
any step. Only `Plateau` reacts to the loss, by `after_losses(schedule, losses)`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from xpcnn import options as _options
from xpcnn.habits import advised
from xpcnn.schedules.base import Length, Schedule, check_length
from xpcnn.schedules.falling import Constant, Cosine, Exponential, MultiStep, Polynomial, Step
from xpcnn.schedules.plateau import Plateau, after_losses
from xpcnn.schedules.rising import CosineRestarts, OneCycle, Warmup

__all__ = [
    "BY_NAME",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "Length",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "Polynomial",
    "Schedule",
    "Step",
    "Warmup",
    "after_losses",
    "check_length",
    "make",
]

BY_NAME: Mapping[str, Callable[..., Schedule]] = {
    "constant": Constant,
    "step": Step,
    "multi-step": MultiStep,
    "exponential": Exponential,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "cosine-restarts": CosineRestarts,
    "one-cycle": OneCycle,
    "plateau": Plateau,
}

for _kind in BY_NAME.values():
    advised(_kind)


def make(name: str, **options: Any) -> Schedule:
    """Return the schedule called `name`: `make("step", every=100)`.

    name: a key of `BY_NAME`.
    options: the arguments of its class.

    Raises:
        ConfigError: an unknown name or option (the closest valid one is suggested), or a value that
            is not valid.
    """
    return _options.make("schedule", BY_NAME, name, **options)
