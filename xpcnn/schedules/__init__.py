"""Schedules: the factor of the base learning rate as a function of progress alone.

`schedule(step, total_steps) -> float` on the host: `step` counts the updates done, from 0; from
`total_steps` on, the last value stays. In the formulas t is the step and T is `total_steps`. A
length is a whole number of steps (int) or a fraction of T (float between 0 and 1). Where a
scheduler of PyTorch is named, values equal its values. Schedules keep no state, so a run resumes at
any step. Only `Plateau` reacts to the loss, by `after_losses(schedule, losses)`.
`make("step", every=100)` makes a schedule by its name. A function of your own of this form is a
schedule too: `fit(schedule=lambda step, total: 1 - step / total)`.

The learning rate of an update is `optimizer.lr` times the schedule's factor: `Updates.rate` in
`training/updates.py`.
"""

from collections.abc import Callable, Mapping

from xpcnn.argument_advice import advised
from xpcnn.options import maker
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

make = maker("schedule", BY_NAME)
