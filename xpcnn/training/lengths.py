"""Options that name an update or an epoch after the end of the run, so that it never comes."""

from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import counted
from xpcnn.schedules import MultiStep, OneCycle, Schedule, Step, Warmup
from xpcnn.schedules.base import Length
from xpcnn.training.health import Finding


def after_the_end(options: TrainingOptions, total: int, per_epoch: int) -> list[Finding]:
    """Return a finding for each option that names an update or epoch which the run does not reach.

    total, per_epoch: updates of the whole run, and of an epoch.
    """
    schedule, found = options.whole_schedule(), []
    left, after = total, ""  # updates of the schedule itself
    if isinstance(schedule, Warmup):
        if schedule.steps >= total:  # fractions are below 1
            figure = f"it takes {schedule.steps:,} updates, and the run has {total:,}"
            advice = "warmup=0.1, a tenth of the run"
            return [Finding("too long a warm-up", "the schedule", figure, advice)]
        if isinstance(schedule.steps, int):
            left, after = total - schedule.steps, " after its warm-up"
        schedule = schedule.then
    late = [length for length in _changes(schedule) if isinstance(length, int) and length >= left]
    if late:
        name = type(schedule).__name__
        figure = f"{name} changes the rate after {late[0]:,} updates, and the run has {left:,}"
        advice = "fractions of the run, such as 0.5, in place of updates"
        found.append(Finding("too long a length", "the schedule", f"{figure}{after}", advice))
    unfreeze, swa = options.unfreeze_after, options.swa
    has = f"the run has {counted(-(-total // per_epoch), 'epoch')}, so that nothing is"
    if swa is not None and swa * per_epoch > total:  # after max_steps
        figure, advice = f"{has} averaged from epoch {swa} on", "a smaller swa, or leave it out"
        found.append(Finding("too late an average", "the options", figure, advice))
    if unfreeze is not None and unfreeze * per_epoch >= total:
        figure = f"{has} unfrozen after epoch {unfreeze}"
        advice = "a smaller unfreeze_after, or leave it out"
        found.append(Finding("too late an end of freezing", "the options", figure, advice))
    return found


def _changes(schedule: Schedule) -> tuple[Length, ...]:
    """Return the lengths after which a schedule first changes the rate, or reaches its peak."""
    match schedule:
        case Step():
            return (schedule.every,)
        case MultiStep():
            return schedule.at
        case OneCycle():
            return (schedule.peak,)
        case _:
            return ()
